"""Whether the peer interrupts: its voice told from our own echo, and what is done about it."""
