"""Phone calls as the server shows them, for the tests of both directions."""

from typing import Any

from hullo.lines.telegram.key_exchange import KeyPair, check_group, commitment, key_fingerprint, make_key_pair
from hullo.lines.telegram.port import (
    CallProtocol,
    PhoneCall,
    PhoneCallAccepted,
    PhoneCallRequested,
    PhoneCallWaiting,
    User,
)
from tests.lines.telegram.vectors import DH, G_A, G_B, KEY, PRIME, xored_secret

CALLER, CALLEE = 11, 22
USER = User(id=CALLEE, access_hash=5, name="Bob", username="bob")
GROUP = check_group(3, PRIME)

VERSIONS = ("8.0.0", "9.0.0")


def key_pair(name: str) -> KeyPair:
    """The known key pair `a` of the caller or `b` of the callee."""
    return make_key_pair(
        GROUP, bytes.fromhex(DH["server_random"]), lambda count: xored_secret(f"{name}_secret_after_xor")
    )


CALLER_KEYS, CALLEE_KEYS = key_pair("a"), key_pair("b")


def _known(versions: tuple[str, ...] = VERSIONS) -> dict[str, Any]:
    return {
        "id": 77,
        "access_hash": 88,
        "date": 1_700_000_000,
        "admin_id": CALLER,
        "participant_id": CALLEE,
        "protocol": CallProtocol(library_versions=versions),
    }


def waiting(receive_date: int | None = None) -> PhoneCallWaiting:
    """phoneCallWaiting; with `receive_date` the callee's device rings."""
    return PhoneCallWaiting(receive_date=receive_date, **_known())


def requested(g_a_hash: bytes = commitment(G_A)) -> PhoneCallRequested:
    """phoneCallRequested."""
    return PhoneCallRequested(g_a_hash=g_a_hash, **_known())


def accepted(versions: tuple[str, ...] = VERSIONS, g_b: bytes = G_B) -> PhoneCallAccepted:
    """phoneCallAccepted."""
    return PhoneCallAccepted(g_b=g_b, **_known(versions))


def confirmed(
    versions: tuple[str, ...] = VERSIONS, g_a_or_b: bytes = G_A, fingerprint: int | None = None, **fields: Any
) -> PhoneCall:
    """phoneCall, as the callee sees it."""
    value = key_fingerprint(KEY) if fingerprint is None else fingerprint
    return PhoneCall(g_a_or_b=g_a_or_b, key_fingerprint=value, **{**_known(versions), **fields})
