"""From the configuration to a channel that works, or to one clear reason why not."""

import platform
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Final

import msgspec

from hullo.lines.direct.channel import Device
from hullo.lines.direct.missed import MissedCalls
from hullo.lines.direct.private.book import ContactBook
from hullo.lines.direct.private.desk import Desk
from hullo.lines.direct.private.errors import PrivateUnavailable
from hullo.lines.direct.private.identity import Identity
from hullo.lines.direct.private.linking import Handover, parse_link_code
from hullo.lines.direct.private.settings import DirectConfig
from hullo.lines.direct.private.vault import Vault
from hullo.rendezvous.wire import DeviceName, Person

if find_spec("x3dh") is not None and find_spec("doubleratchet") is not None:
    from hullo.lines.direct.private.channel import PrivateChannel
    from hullo.lines.direct.private.own_keys import OwnKeys
    from hullo.lines.direct.private.sessions import Sessions

    HAS_PROTOCOLS = True
else:
    HAS_PROTOCOLS = False


_DEVICE: Final = "device"


@dataclass(frozen=True, slots=True)
class Private:
    """What one device needs for private calls."""

    channel: "PrivateChannel"
    book: ContactBook
    desk: Desk
    missed: MissedCalls
    vault: Vault
    """Further files of the same person, as the history of calls, are kept in there."""

    async def link(self, code: str) -> None:
        """See `PrivateChannel.hand_over`; `code` as the new device shows it. Raises `LinkError`."""
        await self.channel.hand_over(parse_link_code(code))

    async def devices(self) -> tuple[str, ...]:
        """See `PrivateChannel.devices`. Raises `ChannelError`."""
        return await self.channel.devices()

    async def unlink(self, device: str, unlisted: bool) -> tuple[str, ...]:
        """See `PrivateChannel.unlink`. Raises `UnlinkError`."""
        return await self.channel.unlink(device, unlisted=unlisted)


@contextmanager
def open_private(config: DirectConfig) -> Iterator[Private]:
    """Hold the keys until the end of the block. Raises `PrivateUnavailable`, `VaultError` and `OSError`."""
    _check_protocols()
    with _vault(config) as vault:
        book = ContactBook(vault, strangers=config.strangers)
        sessions = Sessions(vault, book)
        desk = Desk(sessions.keys.own, lambda: sessions.keys.identity.public, book, config.rendezvous)
        yield Private(PrivateChannel(config.rendezvous, sessions, book), book, desk, MissedCalls(vault), vault)


def create_keys(config: DirectConfig, person: str, device: str) -> None:
    """Make the keys of this device.

    Raises `PrivateUnavailable`, `VaultError`, `OSError`, and `ValueError` for what can't be a name.
    """
    _check_protocols()
    try:
        msgspec.convert(person, Person)
        msgspec.convert(device, DeviceName)
    except msgspec.ValidationError:
        raise ValueError("names have 1 to 32 letters (small ones), digits, dots, hyphens and underscores") from None
    with _vault(config) as vault:
        _check_free(vault, config)
        OwnKeys.create(vault, Device(person, device))


def create_linked(config: DirectConfig, handover: Handover, wanted: str) -> Device:
    """Make this a further device of a person. Raises as `create_keys`."""
    _check_protocols()
    with _vault(config) as vault:
        _check_free(vault, config)
        own = Device(handover.person, handover.free_name(wanted))
        OwnKeys.create(vault, own, Identity(handover.seed), handover.successions)
        ContactBook(vault).adopt(handover.contacts)
    return own


def machine_name() -> str:
    """A name for this device: that of the machine, as far as a device may be called so."""
    return re.sub(r"[^A-Za-z0-9._-]", "", platform.node())[:32] or "device"


def has_keys(config: DirectConfig) -> bool:
    """Whether `create_keys` was done."""
    return (config.directory / _DEVICE).exists()


def may_join(config: DirectConfig) -> bool:
    """Whether this can become a device of a person: it is none, or was unlinked. Raises as `create_keys`."""
    if not has_keys(config):
        return True
    _check_protocols()
    with _vault(config) as vault:
        return OwnKeys.why_unlinked(vault) is not None


def _check_free(vault: Vault, config: DirectConfig) -> None:
    if vault.read(_DEVICE) is not None and OwnKeys.why_unlinked(vault) is None:
        raise PrivateUnavailable(f"{config.directory} has keys already: hullo contacts me shows them")


def _vault(config: DirectConfig) -> Vault:
    return Vault(config.directory, None if config.passphrase is None else config.passphrase.get_secret_value())


def _check_protocols() -> None:
    if not HAS_PROTOCOLS:
        raise PrivateUnavailable("private calls need two more packages: pip install 'hullo[private]'")
