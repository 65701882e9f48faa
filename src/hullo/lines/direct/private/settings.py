"""The section `[direct]` of the configuration."""

from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, Field, SecretStr, model_validator
from yarl import URL

from hullo.folders import state_path
from hullo.section import SECTION, HomePath


def default_directory() -> Path:
    """`$XDG_STATE_HOME/hullo/direct`, or `~/.local/state/hullo/direct`."""
    return state_path("direct")


def _listed(value: object) -> object:
    return (value,) if isinstance(value, str) else value


class DirectConfig(BaseModel):
    """Private calls between people. `hullo contacts init NAME` makes the keys; docs/privacy.md tells who sees what."""

    model_config = SECTION

    enabled: bool = False
    """Whether the line is there."""
    rendezvous: Annotated[tuple[str, ...], BeforeValidator(_listed)] = ()
    """The rendezvous server, such as `wss://example.org/rendezvous`; of one with several nodes a list of them."""
    directory: HomePath = Field(default_factory=default_directory)
    """Keys, sessions and contacts of this device, encrypted."""
    passphrase: Annotated[SecretStr, Field(min_length=8)] | None = None
    """What they are encrypted with; left out: a key in a file beside them. Whoever may read this file knows it then."""
    strangers: bool = False
    """Let people ring who are not among the contacts."""
    calls_at_once: Annotated[int, Field(ge=1, le=1000)] = 1
    """With more calls than this, others find us busy."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.enabled and not self.rendezvous:
            raise ValueError("rendezvous is missing: the address of a server that `hullo rendezvous` runs")
        for address in self.rendezvous:
            check_rendezvous(address)
        return self


def check_rendezvous(rendezvous: str) -> None:
    """Raises `ValueError` for what is no address of a rendezvous, or one without TLS."""
    url = URL(rendezvous)
    if url.scheme not in ("ws", "wss") or not url.host:
        raise ValueError("rendezvous is no address of a WebSocket, such as wss://example.org/rendezvous")
    if url.scheme == "ws" and not _is_loopback(url.host):
        raise ValueError("rendezvous without TLS works on this machine only: use wss://")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
