"""What changes in an ICE restart, and candidates that come later, as SDP fragments (RFC 8840 9)."""

import msgspec

from hullo.rtc.candidate import IceCandidate, readable
from hullo.rtc.sdp import MAX_CANDIDATES, check_credentials
from hullo.rtc.sdp_syntax import SdpError, parse_session


class SdpFragment(msgspec.Struct, frozen=True, kw_only=True):
    """One side of an ICE session, or its candidates found since; `complete` if there will be no more."""

    ufrag: str
    pwd: str
    candidates: tuple[IceCandidate, ...] = ()
    complete: bool = False


def parse_fragment(text: str) -> SdpFragment:
    """Read one. Raises `SdpError`, also without credentials; of several media sections the first that has some counts.

    A candidate that can't be read is left out (RFC 8839 5.1).
    """
    session = parse_session(f"v=0\n{text}")
    parts = [session.attributes, *(section.attributes for section in session.media)]

    def one(name: str) -> str:
        value = next((value for part in parts for value in part.all(name)), None)
        if value is None:
            raise SdpError(f"a={name} is missing")
        return value

    ufrag, pwd = one("ice-ufrag"), one("ice-pwd")
    check_credentials(ufrag, pwd)
    found = next(filter(None, (readable(part.all("candidate")) for part in parts)), [])
    complete = any(part.get("end-of-candidates") is not None for part in parts)
    return SdpFragment(ufrag=ufrag, pwd=pwd, candidates=tuple(found[:MAX_CANDIDATES]), complete=complete)


def build_fragment(fragment: SdpFragment, mid: str | None) -> str:
    """The text of one about an audio section."""
    lines = [f"a=ice-ufrag:{fragment.ufrag}", f"a=ice-pwd:{fragment.pwd}", "m=audio 9 UDP/TLS/RTP/SAVPF 0"]
    lines += [f"a=mid:{mid}"] if mid is not None else []
    lines += [f"a={candidate}" for candidate in fragment.candidates]
    lines += ["a=end-of-candidates"] if fragment.complete else []
    return "\r\n".join([*lines, ""])
