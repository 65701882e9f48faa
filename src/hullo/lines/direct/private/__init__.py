"""A secure channel of our own: X3DH and Double Ratchet sessions, over a rendezvous that reads nothing of it."""
