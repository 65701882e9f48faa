"""What is said about devices that are unlinked, and which can be."""

from collections.abc import Collection
from datetime import UTC, datetime

import msgspec

from hullo.lines.direct.channel import Device
from hullo.rendezvous.wire import DeviceName, Succession


class UnlinkError(Exception):
    """A device can't be unlinked; the text says why and what to do."""


def check_unlinking(device: str, own: str, others: Collection[str], *, unlisted: bool) -> None:
    """Raises `UnlinkError` if that is none of the others that are listed, or with `unlisted` no name of any device."""
    if device == own:
        raise UnlinkError(f"{device} is this device: unlink it from another one of yours")
    try:
        msgspec.convert(device, DeviceName)
    except msgspec.ValidationError:
        raise UnlinkError(f"{device!r} is no name of a device: hullo contacts devices shows them") from None
    if device not in others and not unlisted:
        there = ", ".join(sorted(others)) or "no other"
        raise UnlinkError(
            f"no device of yours is called {device}; there is {there}. One that never connected, or that "
            "the rendezvous leaves out, is unlinked with --unlisted"
        )


def unlinked_because(own: Device, step: Succession) -> str:
    """Why this is no device of its person any more, and what to do."""
    day = datetime.fromtimestamp(step.at, UTC).date().isoformat()
    return (
        f"this device was unlinked on {day} by your device {step.by}: "
        f"it can't call or be called as {own.person} any more. "
        "If you still use it, link it again: hullo contacts link. "
        f"If it was not you, somebody else has {step.by}: warn your contacts"
    )
