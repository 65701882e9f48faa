"""What is said about devices that are unlinked, and which can be."""

from collections.abc import Collection
from datetime import UTC, datetime

from hullo.lines.direct.channel import Device
from hullo.rendezvous.wire import Succession


class UnlinkError(Exception):
    """A device can't be unlinked; the text says why and what to do."""


def check_unlinking(device: str, own: str, others: Collection[str]) -> None:
    """Raises `UnlinkError` if that is none of the others."""
    if device == own:
        raise UnlinkError(f"{device} is this device: unlink it from another one of yours")
    if device not in others:
        there = ", ".join(sorted(others)) or "no other"
        raise UnlinkError(f"no device of yours is called {device}; there is {there}")


def unlinked_because(own: Device, step: Succession) -> str:
    """Why this is no device of its person any more, and what to do."""
    day = datetime.fromtimestamp(step.at, UTC).date().isoformat()
    return (
        f"this device was unlinked on {day} by your device {step.by}: "
        f"it can't call or be called as {own.person} any more. "
        "If you still use it, link it again: hullo contacts link. "
        f"If it was not you, somebody else has {step.by}: warn your contacts"
    )
