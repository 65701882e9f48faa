"""One measured conversation: a caller, the daemon and a gateway as processes, and a page that shows what happened."""
