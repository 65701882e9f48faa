"""The ear of a call: voice activity, segments, turns, and what recognition makes of them."""
