"""Hearing and speaking: voice activity, recognisers, voices, and the host processes that run them."""
