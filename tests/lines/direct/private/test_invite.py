"""What an invite carries, and what is said about a text that is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hullo.lines.direct.private.invite import Invite, InviteError, is_invite, parse_invite

KEY = bytes(range(32))
ADDRESSES = ("wss://example.org/rendezvous", "ws://127.0.0.1:8770/rendezvous", "wss://[2001:db8::1]:443/r")
PEOPLE = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,31}", fullmatch=True)


@given(
    person=PEOPLE,
    key=st.binary(min_size=32, max_size=32),
    rendezvous=st.lists(st.sampled_from(ADDRESSES), min_size=1).map(tuple),
)
def test_what_was_invited_comes_back(person: str, key: bytes, rendezvous: tuple[str, ...]) -> None:
    invite = Invite(person, key, rendezvous)
    assert parse_invite(str(invite)) == invite


def test_an_invite_is_short_and_survives_a_terminal_that_broke_it_over_lines() -> None:
    text = str(Invite("alice", KEY, ("wss://example.org/rendezvous",)))
    assert text == "hullo:alice@example.org/rendezvous#AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
    assert parse_invite(f"  {text[:40]}\n  {text[40:]}\n").key == KEY


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "no invite"),
        ("alice", "no invite"),
        ("hullo:alice@example.org", "no invite"),
        ("hullo:Alice@example.org/r#AAAA", "name"),
        ("hullo:alice@example.org/r#AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdH", "copy all of it"),
        ("hullo:alice@example.org/r#!!!!", "copy all of it"),
        ("hullo:alice@http://example.org/r#AAAA", "address"),
        ("hullo:alice@ws://example.org/r#AAAA", "TLS"),
        ("hullo:alice@example.org:99999/r#AAAA", "address"),
    ],
)
def test_a_text_that_is_none_is_refused_with_what_is_wrong(text: str, problem: str) -> None:
    with pytest.raises(InviteError, match=problem):
        parse_invite(text)


@given(st.text().map("hullo:a@".__add__) | st.text())
def test_no_text_does_anything_else(text: str) -> None:
    try:
        parse_invite(text)
    except InviteError:
        return
    assert is_invite(text)
