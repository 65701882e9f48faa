"""The host processes that engines run in, as Wyoming servers, and their supervision."""
