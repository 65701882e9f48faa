"""The command `hullo`: one file a command."""
