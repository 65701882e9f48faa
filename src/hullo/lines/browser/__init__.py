"""Calls over HTTP offer and answer, after WHIP (RFC 9725): for browsers, and between two of us."""
