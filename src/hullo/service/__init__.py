"""The daemon: JSON-RPC, configuration, metrics."""
