"""How a call is set up: what a line is (`line`), and one folder a line."""
