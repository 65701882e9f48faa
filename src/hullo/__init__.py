"""Real one-to-one voice calls for Python."""
