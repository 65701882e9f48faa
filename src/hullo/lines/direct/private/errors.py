"""Why private calls can't be had."""


class PrivateUnavailable(Exception):
    """Private calls can't be had; the text says what to do."""
