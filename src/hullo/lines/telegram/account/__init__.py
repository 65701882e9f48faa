"""A Telegram user account behind `TelegramPort`: one session file, two client libraries to reach the server with."""
