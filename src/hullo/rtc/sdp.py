"""Offer and answer for one audio call (RFC 8829, RFC 9143, RFC 8839, RFC 8842): Opus, bundled, RTCP multiplexed.

Anything unusable raises `SdpError` and nothing else. Of an offer, everything but the first usable audio section is
rejected in the answer, and no header extension is accepted, because nothing here would read it.
"""

import re
from enum import StrEnum

import msgspec

from hullo.rtc.candidate import IceCandidate, readable
from hullo.rtc.parameters import DtlsFingerprint, Setup, StreamIdentity, TransportDescription
from hullo.rtc.sdp_syntax import Attributes, MediaSection, SdpError, SessionText, parse_session

__all__ = ["Answer", "Direction", "Offer", "SdpError", "build_answer", "build_offer", "parse_answer", "parse_offer"]

OPUS_PAYLOAD_TYPE = 111
OFFERED_MID = "0"
"""Of the audio section in offers of ours."""
MAX_CANDIDATES = 128

_PROFILES = ("UDP/TLS/RTP/SAVPF", "UDP/TLS/RTP/SAVP", "RTP/SAVPF", "TCP/TLS/RTP/SAVPF")
_UFRAG = re.compile(r"[A-Za-z0-9+/]{4,256}")
_PWD = re.compile(r"[A-Za-z0-9+/]{22,256}")
_OPUS = re.compile(r"(\d{1,3}) opus/48000/2", re.IGNORECASE)
_FINGERPRINT = re.compile(r"(sha-(?:256|384|512)) ([0-9A-F]{2}(?::[0-9A-F]{2}){31,63})", re.IGNORECASE)
_DIGEST_BYTES = {"sha-256": 32, "sha-384": 48, "sha-512": 64}
_MID = re.compile(r"[!-~]{1,32}")


class Direction(StrEnum):
    """Who sends sound, seen from the side whose description it stands in."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"

    def answer(self) -> "Direction":
        """The same, seen from the other side."""
        return {Direction.SENDONLY: Direction.RECVONLY, Direction.RECVONLY: Direction.SENDONLY}.get(self, self)


class AudioSection(msgspec.Struct, frozen=True, kw_only=True):
    """What a peer says about its sound."""

    index: int
    mid: str | None
    payload_type: int
    direction: Direction
    transport: TransportDescription


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """A peer's offer: its audio section, and all sections as they must be named again in the answer."""

    audio: AudioSection
    sections: tuple[MediaSection, ...]
    bundled: bool


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A peer's answer to an offer of ours."""

    audio: AudioSection


def parse_offer(text: str) -> Offer:
    """Read an offer of WebRTC audio. Raises `SdpError`.

    Its candidates are complete unless it says that more may come, and not that there are no more (RFC 8840 4.1.1, 4.2).
    """
    session = parse_session(text)
    index = next((i for i, section in enumerate(session.media) if _is_usable(section)), None)
    if index is None:
        raise SdpError("the offer has no audio section over DTLS-SRTP; a voice call needs one")
    audio = _audio(session, index, complete=not _may_trickle(session, session.media[index]))
    bundle = _bundle(session)
    return Offer(audio=audio, sections=session.media, bundled=audio.mid is not None and audio.mid in bundle)


def parse_answer(text: str) -> Answer:
    """Read the answer to an offer of `build_offer`. Raises `SdpError`, also when the peer refused the audio."""
    session = parse_session(text)
    if len(session.media) != 1 or session.media[0].kind != "audio":
        raise SdpError("the answer does not have the one audio section that was offered")
    if session.media[0].port == 0:
        raise SdpError("the peer rejected the audio")
    audio = _audio(session, 0, complete=True)
    if audio.transport.setup is Setup.ACTPASS:
        raise SdpError("an answer must choose setup:active or setup:passive")
    return Answer(audio=audio)


def build_offer(local: TransportDescription, identity: StreamIdentity, *, session_id: int) -> str:
    """The offer of a call with sound both ways."""
    section = _accepted_section(OFFERED_MID, OPUS_PAYLOAD_TYPE, Direction.SENDRECV, local, identity)
    return _text([*_session_lines(session_id, OFFERED_MID), *section])


def build_answer(offer: Offer, local: TransportDescription, identity: StreamIdentity, *, session_id: int) -> str:
    """The answer that accepts the audio of `offer` under its own payload type and mid, and rejects everything else."""
    audio = offer.audio
    lines = _session_lines(session_id, audio.mid if offer.bundled else None)
    for index, section in enumerate(offer.sections):
        if index == audio.index:
            direction = audio.direction.answer()
            lines += _accepted_section(audio.mid, audio.payload_type, direction, local, identity)
        else:
            lines += _rejected_section(section)
    return _text(lines)


def check_credentials(ufrag: str, pwd: str) -> None:
    """Raises `SdpError` for what are no ICE credentials (RFC 8839 5.4)."""
    if _UFRAG.fullmatch(ufrag) is None or _PWD.fullmatch(pwd) is None:
        raise SdpError("a=ice-ufrag or a=ice-pwd is not made of 4 to 256, or 22 to 256, ICE characters")


# Reading


def _is_usable(section: MediaSection) -> bool:
    live = section.port != 0 or section.bundle_only
    return section.kind == "audio" and live and section.protocol in _PROFILES


def _may_trickle(session: SessionText, section: MediaSection) -> bool:
    parts = (session.attributes, section.attributes)
    options = " ".join(value for part in parts for value in part.all("ice-options")).split()
    ended = any(part.get("end-of-candidates") is not None for part in parts)
    return "trickle" in options and not ended


def _audio(session: SessionText, index: int, *, complete: bool) -> AudioSection:
    section = session.media[index]
    attributes = section.attributes
    if attributes.get("rtcp-mux") is None:
        raise SdpError("the audio section has no a=rtcp-mux; WebRTC needs RTP and RTCP on one port")
    mid = section.mid
    if mid is not None and _MID.fullmatch(mid) is None:
        raise SdpError("a=mid is not a token")
    return AudioSection(
        index=index,
        mid=mid,
        payload_type=_opus(section),
        direction=_direction(attributes, session.attributes),
        transport=_transport(session, section, complete),
    )


def _opus(section: MediaSection) -> int:
    for value in section.attributes.all("rtpmap"):
        match = _OPUS.fullmatch(value)
        if match is not None and match[1] in section.formats and int(match[1]) < 128:
            return int(match[1])
    raise SdpError("the audio section does not offer opus/48000/2")


def _direction(section: Attributes, session: Attributes) -> Direction:
    for attributes in (section, session):
        for direction in Direction:
            if attributes.get(direction) is not None:
                return direction
    return Direction.SENDRECV


def _transport(session: SessionText, section: MediaSection, complete: bool) -> TransportDescription:
    def one(name: str) -> str:
        value = section.attributes.get(name)
        if value is None:
            value = session.attributes.get(name)
        if value is None:
            raise SdpError(f"a={name} is missing")
        return value

    ufrag, pwd = one("ice-ufrag"), one("ice-pwd")
    check_credentials(ufrag, pwd)
    try:
        setup = Setup(one("setup"))
    except ValueError:
        raise SdpError("a=setup is not actpass, active or passive") from None
    return TransportDescription(
        ufrag=ufrag,
        pwd=pwd,
        fingerprints=_fingerprints(section.attributes) or _fingerprints(session.attributes) or _no_fingerprint(),
        setup=setup,
        candidates=_candidates(session, section),
        candidates_complete=complete,
        ice_lite=session.attributes.get("ice-lite") is not None,
    )


def _fingerprints(attributes: Attributes) -> tuple[DtlsFingerprint, ...]:
    matches = [_FINGERPRINT.fullmatch(value) for value in attributes.all("fingerprint")]
    found = [DtlsFingerprint(match[1].lower(), match[2].upper()) for match in matches if match is not None]
    return tuple(f for f in found if len(f.value) == 3 * _DIGEST_BYTES[f.algorithm] - 1)


def _no_fingerprint() -> tuple[DtlsFingerprint, ...]:
    raise SdpError("there is no a=fingerprint with sha-256, sha-384 or sha-512, so the peer cannot be verified")


def _candidates(session: SessionText, section: MediaSection) -> tuple[IceCandidate, ...]:
    """Those of the section; where it has none, those of its bundle, which shares one transport (RFC 9143 7).

    None is no error: the peer's checks will show its address.
    """
    bundle = _bundle(session)
    shared = [other for other in session.media if other.mid in bundle] if section.mid in bundle else []
    for source in (section, *shared):
        found = readable(source.attributes.all("candidate"))
        if found:
            return tuple(found[:MAX_CANDIDATES])
    return ()


def _bundle(session: SessionText) -> list[str]:
    groups = (value.split() for value in session.attributes.all("group"))
    return next((words[1:] for words in groups if words[:1] == ["BUNDLE"]), [])


# Writing


def _session_lines(session_id: int, bundled_mid: str | None) -> list[str]:
    lines = ["v=0", f"o=- {session_id} 1 IN IP4 0.0.0.0", "s=-", "t=0 0"]
    if bundled_mid is not None:
        lines.append(f"a=group:BUNDLE {bundled_mid}")
    return [*lines, "a=msid-semantic:WMS *"]


def _accepted_section(
    mid: str | None, payload_type: int, direction: Direction, local: TransportDescription, identity: StreamIdentity
) -> list[str]:
    lines = [f"m=audio 9 UDP/TLS/RTP/SAVPF {payload_type}", "c=IN IP4 0.0.0.0", "a=rtcp:9 IN IP4 0.0.0.0"]
    lines += [f"a=mid:{mid}"] if mid is not None else []
    lines += [
        f"a={direction}",
        "a=rtcp-mux",
        f"a=rtpmap:{payload_type} opus/48000/2",
        f"a=fmtp:{payload_type} minptime=10;useinbandfec=1;stereo=0;sprop-stereo=0",
        "a=ptime:20",
    ]
    if direction in (Direction.SENDRECV, Direction.SENDONLY):
        lines += [f"a=msid:{identity.cname} audio", f"a=ssrc:{identity.ssrc} cname:{identity.cname}"]
    return lines + _transport_lines(local)


def _transport_lines(local: TransportDescription) -> list[str]:
    lines = [f"a=ice-ufrag:{local.ufrag}", f"a=ice-pwd:{local.pwd}"]
    lines += [f"a=fingerprint:{f.algorithm} {f.value}" for f in local.fingerprints]
    lines += [f"a=setup:{local.setup}"]
    lines += [f"a={candidate}" for candidate in local.candidates]
    return [*lines, "a=end-of-candidates"]


def _rejected_section(section: MediaSection) -> list[str]:
    lines = [f"m={section.kind} 0 {section.protocol} {' '.join(section.formats)}", "c=IN IP4 0.0.0.0", "a=inactive"]
    return lines + ([f"a=mid:{section.mid}"] if section.mid is not None else [])


def _text(lines: list[str]) -> str:
    return "\r\n".join([*lines, ""])
