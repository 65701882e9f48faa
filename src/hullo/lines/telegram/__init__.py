"""The Telegram line: one-to-one voice calls of a user account."""
