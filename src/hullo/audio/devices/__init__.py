"""Microphones and speakers: which there are, which is wanted, and the sound between them and a call."""
