"""The call protocol versions that we speak, and what the server may ask for beside them."""

import logging
from collections.abc import Collection
from enum import StrEnum

import msgspec

from hullo.lines.telegram.port import CallProtocol

logger = logging.getLogger(__name__)

ACKED_VERSIONS = ("8.0.0", "9.0.0")
SCTP_VERSIONS = ("12.0.0", "13.0.0")
SUPPORTED = (*ACKED_VERSIONS, *SCTP_VERSIONS)

OFFERED = CallProtocol(library_versions=SUPPORTED)
"""What we tell the server. The layers are those of the apps, which have not changed them for years."""


class SignalingKind(StrEnum):
    """How the messages of the media set-up travel."""

    ACKED = "acked"
    SCTP = "sctp"
    DATAGRAMS = "datagrams"
    """As with SCTP, but each message for itself."""


class Unsupported(Exception):
    """The call would need something that we do not speak; the message says what and what to do."""


class _CustomParameters(msgspec.Struct):
    network_use_mtproto: bool = False
    network_signaling_nosctp: bool = False
    network_kcp_experiment: bool = False


def known_versions(protocol: CallProtocol, supported: Collection[str] = SUPPORTED) -> tuple[str, ...]:
    """The versions of `protocol` that we speak, in its order."""
    return tuple(version for version in protocol.library_versions if version in supported)


def signaling_kind(protocol: CallProtocol, custom_parameters: str | None) -> SignalingKind:
    """How the signaling of an established call goes. Raises `Unsupported`."""
    version = protocol.library_versions[0] if protocol.library_versions else "none"
    if version not in SUPPORTED:
        raise Unsupported(
            f"Telegram chose call version {version} for the two apps, and this side speaks {', '.join(SUPPORTED)}; "
            "an update of the other app may help"
        )
    custom = _parse(custom_parameters)
    if custom.network_use_mtproto:
        raise Unsupported("Telegram asks for its own transport of sound instead of DTLS-SRTP, which is not supported")
    if version in ACKED_VERSIONS and not custom.network_kcp_experiment:
        return SignalingKind.ACKED
    return SignalingKind.DATAGRAMS if custom.network_signaling_nosctp else SignalingKind.SCTP


def _parse(custom_parameters: str | None) -> _CustomParameters:
    if not custom_parameters:
        return _CustomParameters()
    try:
        return msgspec.json.decode(custom_parameters, type=_CustomParameters)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        logger.warning("the custom parameters of a call cannot be read and are ignored: %s", error)
        return _CustomParameters()
