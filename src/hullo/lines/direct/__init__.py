"""The direct line: private calls between people, set up over a channel that only the two of them can read."""
