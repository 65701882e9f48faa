"""How two Telegram apps set up the media of a call: sealed messages through Telegram's servers."""
