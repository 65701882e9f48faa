"""A Telegram of our own on TCP loopback: real MTProto 2.0, accounts that log in, and calls between them.

For tests and for demonstrations without an account. Independent clients can't tell it from a small Telegram; what it
cannot show is Telegram's timing, its limits, and its relays.
"""
