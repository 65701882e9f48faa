"""The programs at the two ends of a measured call. Each runs in a process of its own and is driven by `bench.child`."""
