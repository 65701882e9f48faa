"""Recognisers and voices that run inside a host process; each imports its package only when it is made."""
