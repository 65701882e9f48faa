import pytest
from hypothesis import given
from hypothesis import strategies as st

from hullo.call.states import TRANSITIONS, CallState, ImpossibleSignal, Signal, next_state, transitions_as_markdown


def test_a_call_of_ours_goes_from_dialing_to_ended() -> None:
    state = CallState.DIALING
    for signal, expected in [
        (Signal.RANG, CallState.RINGING),
        (Signal.ANSWERED, CallState.CONNECTING),
        (Signal.PROVEN, CallState.ACTIVE),
        (Signal.QUIET, CallState.RECONNECTING),
        (Signal.HEARD, CallState.ACTIVE),
        (Signal.END, CallState.ENDED),
    ]:
        state = next_state(state, signal)
        assert state is expected


def test_an_answer_may_come_before_the_ringing() -> None:
    assert next_state(CallState.DIALING, Signal.ANSWERED) is CallState.CONNECTING
    assert next_state(CallState.CONNECTING, Signal.RANG) is CallState.CONNECTING


@pytest.mark.parametrize("state", [s for s in CallState if s is not CallState.ENDED])
def test_every_live_state_can_end(state: CallState) -> None:
    assert next_state(state, Signal.END) is CallState.ENDED


def test_media_is_not_proven_before_an_answer() -> None:
    with pytest.raises(ImpossibleSignal, match="ringing can't be told"):
        next_state(CallState.RINGING, Signal.PROVEN)


@given(st.lists(st.sampled_from(Signal), max_size=30))
def test_every_possible_signal_is_idempotent_and_nothing_leaves_ended(signals: list[Signal]) -> None:
    state = CallState.DIALING
    for signal in signals:
        if signal not in TRANSITIONS[state]:
            continue
        was_over = state is CallState.ENDED
        state = next_state(state, signal)
        assert next_state(state, signal) is state
        assert state is CallState.ENDED or not was_over


def test_the_printed_table_has_every_state_and_signal() -> None:
    lines = transitions_as_markdown().splitlines()
    assert len(lines) == 2 + len(CallState)
    assert all(line.count("|") == len(Signal) + 2 for line in lines)
    assert "| active | · | · | · | reconnecting | · | ended |" in lines
