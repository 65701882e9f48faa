"""SDP fragments: those of real callers, those of ours, and those of nobody."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hullo.rtc.candidate import parse_candidate
from hullo.rtc.sdp import MAX_CANDIDATES
from hullo.rtc.sdp_fragment import SdpFragment, build_fragment, parse_fragment
from hullo.rtc.sdp_syntax import SdpError

PWD = "p" * 22
HOST = parse_candidate("candidate:1 1 udp 2130706431 192.0.2.1 5000 typ host")
# Credentials within the media section, as some callers write them (RFC 8840 4.4 allows both).
IN_SECTION = f"m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\na=ice-ufrag:abcd\r\na=ice-pwd:{PWD}\r\na={HOST}\r\n"


@pytest.mark.parametrize("mid", ["0", None])
@pytest.mark.parametrize("complete", [True, False])
def test_what_is_written_is_read(mid: str | None, complete: bool) -> None:
    fragment = SdpFragment(ufrag="abcd", pwd=PWD, candidates=(HOST,), complete=complete)
    assert parse_fragment(build_fragment(fragment, mid)) == fragment


def test_credentials_may_stand_in_the_section_and_what_can_not_be_read_is_left_out() -> None:
    fragment = parse_fragment(f"{IN_SECTION}a=candidate:nonsense\r\n")
    assert fragment == SdpFragment(ufrag="abcd", pwd=PWD, candidates=(HOST,))


@pytest.mark.parametrize(
    "text",
    ["", "hello", "a=ice-ufrag:abcd\r\n", f"a=ice-pwd:{PWD}\r\n", f"a=ice-ufrag:a b\r\na=ice-pwd:{PWD}\r\n", "m=x\r\n"],
)
def test_what_is_no_fragment_is_refused(text: str) -> None:
    with pytest.raises(SdpError):
        parse_fragment(text)


def test_only_so_many_candidates_are_taken() -> None:
    text = build_fragment(SdpFragment(ufrag="abcd", pwd=PWD, candidates=(HOST,) * 500), "0")
    assert len(parse_fragment(text).candidates) == MAX_CANDIDATES


@given(st.lists(st.sampled_from([*IN_SECTION.split("\r\n"), "a=end-of-candidates", "a=", "=", "m=audio"]) | st.text()))
def test_nothing_but_sdp_error_comes_of_any_text(lines: list[str]) -> None:
    with suppress(SdpError):
        parse_fragment("\r\n".join(lines))
