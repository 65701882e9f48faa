"""The two rounds, and what can go wrong with them."""

import itertools
from collections.abc import Iterable

import pytest

from hullo.lines.telegram.signaling.messages import Content, NegotiateChannels, PayloadType
from hullo.lines.telegram.signaling.negotiation import OPUS, ChannelNegotiation, IncomingAudio

CALLER_SSRC, CALLEE_SSRC = 1001, 2002


def sides() -> tuple[ChannelNegotiation, ChannelNegotiation]:
    ids = itertools.count(1)
    return (
        ChannelNegotiation(is_caller=True, ssrc=CALLER_SSRC, new_id=lambda: next(ids)),
        ChannelNegotiation(is_caller=False, ssrc=CALLEE_SSRC, new_id=lambda: next(ids)),
    )


def exchange(caller: ChannelNegotiation, callee: ChannelNegotiation, first: Iterable[NegotiateChannels]) -> int:
    """Deliver messages until none are left; returns how many there were."""
    waiting = [(callee, message) for message in first]
    count = 0
    while waiting:
        assert count < 20
        to, message = waiting.pop(0)
        count += 1
        waiting += [(caller if to is callee else callee, reply) for reply in to.receive(message)]
    return count


def assert_both_flow(caller: ChannelNegotiation, callee: ChannelNegotiation) -> None:
    assert (caller.outgoing, callee.outgoing) == (111, 111)
    assert caller.incoming == IncomingAudio(CALLEE_SSRC, 111)
    assert callee.incoming == IncomingAudio(CALLER_SSRC, 111)


def test_four_messages_open_both_directions() -> None:
    caller, callee = sides()
    assert exchange(caller, callee, caller.start()) == 4
    assert_both_flow(caller, callee)


def test_the_ssrc_of_the_peer_is_not_taken_from_the_answer_to_our_own_offer() -> None:
    caller, callee = sides()
    answer, _ = callee.receive(caller.start()[0])
    caller.receive(answer)
    assert caller.outgoing == 111
    assert caller.incoming is None


def test_repeated_messages_change_nothing() -> None:
    caller, callee = sides()
    (offer,) = caller.start()
    answer, callee_offer = callee.receive(offer)
    assert caller.receive(answer) == []
    assert caller.receive(answer) == []
    (caller_answer,) = caller.receive(callee_offer)
    assert caller.receive(callee_offer) == [caller_answer]
    assert callee.receive(caller_answer) == []
    assert callee.receive(caller_answer) == []
    assert callee.receive(offer) == [answer]
    assert_both_flow(caller, callee)


def test_when_both_offer_at_once_the_callers_counts_and_the_callee_offers_again() -> None:
    caller, callee = sides()
    (offer,) = caller.start()
    early = callee._offer()
    assert caller.receive(early) == []
    answer, again = callee.receive(offer)
    assert again.exchange_id != early.exchange_id
    assert exchange(callee, caller, [answer, again]) == 3
    assert_both_flow(caller, callee)


def test_an_answer_to_a_dropped_offer_is_not_taken_for_an_offer() -> None:
    caller, callee = sides()
    early = callee._offer()
    late_answer = NegotiateChannels(early.exchange_id, early.contents)
    callee.receive(caller.start()[0])
    assert callee.receive(late_answer) == []
    assert callee.incoming == IncomingAudio(CALLER_SSRC, 111)


def test_video_is_left_out_and_opus_is_found_under_any_number() -> None:
    _, callee = sides()
    opus = PayloadType(id=96, name="opus", clockrate=48000, channels=2)
    other = PayloadType(id=63, name="red", clockrate=48000, channels=2)
    video = Content(type="video", ssrc=5, payload_types=(PayloadType(id=100, name="vp8", clockrate=90000, channels=0),))
    offer = NegotiateChannels(9, (video, Content(type="audio", ssrc=4, payload_types=(other, opus))))
    answer, _ = callee.receive(offer)
    assert answer == NegotiateChannels(9, (Content(type="audio", ssrc=4, payload_types=(opus,)),))
    assert callee.incoming == IncomingAudio(4, 96)


@pytest.mark.parametrize(
    "contents",
    [
        (),
        (Content(type="video", ssrc=5, payload_types=(OPUS,)),),
        (Content(type="audio", ssrc=5, payload_types=()),),
        (Content(type="audio", ssrc=5, payload_types=(PayloadType(id=0, name="pcmu", clockrate=8000, channels=1),)),),
    ],
)
def test_without_opus_nothing_is_accepted_and_a_refusal_of_ours_is_noticed(contents: tuple[Content, ...]) -> None:
    caller, callee = sides()
    (offer,) = caller.start()
    assert callee.receive(NegotiateChannels(77, contents))[0] == NegotiateChannels(77, ())
    assert callee.incoming is None
    caller.receive(NegotiateChannels(offer.exchange_id, contents))
    assert caller.refused
    assert caller.outgoing is None
