"""The phone in the terminal: a client of the daemon, for people."""
