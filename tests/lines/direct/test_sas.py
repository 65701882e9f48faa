"""The emoji of a call, and the commitment behind them."""

from collections import Counter
from random import Random

from hullo.lines.direct.sas import EMOJI, LENGTH, call_emoji, commitment, opens
from tests.lines.direct.samples import call_id

RED, BLUE = ":".join(["AA"] * 32), ":".join(["BB"] * 32)


def test_there_are_64_different_emoji() -> None:
    assert len(set(EMOJI)) == len(EMOJI) == 64


def test_everything_that_the_two_sides_know_is_in_the_emoji() -> None:
    one, two = bytes(32), bytes([1]) * 32
    seen = {
        call_emoji(call_id(1), (RED, one), (BLUE, two)),
        call_emoji(call_id(2), (RED, one), (BLUE, two)),
        call_emoji(call_id(1), (BLUE, one), (RED, two)),
        call_emoji(call_id(1), (RED, two), (BLUE, one)),
        call_emoji(call_id(1), (RED, one), (RED, two)),
    }
    assert len(seen) == 5


def test_the_emoji_are_evenly_spread() -> None:
    rng = Random(7)
    drawn = [call_emoji(call_id(1), (RED, rng.randbytes(32)), (BLUE, rng.randbytes(32))) for _ in range(640)]
    counts = Counter(emoji for emojis in drawn for emoji in emojis)
    assert all(len(emojis) == LENGTH for emojis in drawn)
    assert len(counts) == 64
    assert max(counts.values()) < 90


def test_a_commitment_opens_with_its_nonce_in_its_call_under_its_certificate_only() -> None:
    nonce, other = bytes(32), bytes([1]) * 32
    committed = commitment(call_id(1), RED, nonce)
    assert opens(committed, call_id(1), RED, nonce)
    assert not opens(committed, call_id(1), RED, other)
    assert not opens(committed, call_id(2), RED, nonce)
    assert not opens(committed, call_id(1), BLUE, nonce)
