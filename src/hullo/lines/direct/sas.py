"""The emoji that two people compare aloud, so that they know that nobody is in between (a short authentication string).

The caller commits to a nonce before it sees the callee's, and reveals it afterwards. So nobody in between can try
nonces until the two short strings agree: one guess a call, of 2**30.
"""

import hashlib
import hmac

EMOJI = (
    "🐌🦊🐘🦉🐢🐝🦒🐧"
    "🐳🐙🦋🐪🦓🐞🦔🐇"
    "🍎🍋🍇🍒🥕🌽🍄🥑"
    "🍞🧀🥚🍩🍕🍿🍯🥥"
    "🌵🌻🌲🍀🌙🌈🔥🌊"
    "🚲🚂🚀⛵🚜🎈🚁🛶"
    "🔑🔔🕰📚🧲🪜🔭🪁"
    "🎸🥁🎲🎩👑👓🧦🪑"
)
"""64 of them, told apart at a glance and easily named; six bits each."""

LENGTH = 5

_COMMIT = b"hullo direct sas commitment 1"
_STRING = b"hullo direct sas 1"


def commitment(call_id: str, fingerprint: str, nonce: bytes) -> bytes:
    """What the caller binds itself to: its nonce and its certificate, in this call. 32 bytes."""
    return _digest(_COMMIT, call_id.encode(), fingerprint.encode(), nonce)


def opens(committed: bytes, call_id: str, fingerprint: str, nonce: bytes) -> bool:
    """Whether a revealed nonce is the one committed to."""
    return hmac.compare_digest(committed, commitment(call_id, fingerprint, nonce))


def call_emoji(call_id: str, caller: tuple[str, bytes], callee: tuple[str, bytes]) -> tuple[str, ...]:
    """The emoji of a call from each side's certificate fingerprint and nonce; the same at both ends."""
    parts = [part for fingerprint, nonce in (caller, callee) for part in (fingerprint.encode(), nonce)]
    bits = int.from_bytes(_digest(_STRING, call_id.encode(), *parts)[:8], "big")
    return tuple(EMOJI[(bits >> 6 * place) & 63] for place in range(LENGTH))


def _digest(*parts: bytes) -> bytes:
    """SHA-256 of the parts, each behind its length, so that no two lists of parts read the same."""
    return hashlib.sha256(b"".join(len(part).to_bytes(4, "big") + part for part in parts)).digest()
