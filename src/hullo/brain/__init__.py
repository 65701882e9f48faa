"""Answers without a gateway: an echo, a command, or a chat endpoint, and the attendant that has them answer calls."""
