"""The life of a call as one table.

Two rules:

* `TRANSITIONS` is total: every state says what every signal does to it. Signals come late, twice and out of
  order (a "ringing" after the answer, a second hang-up), and those cases stand in the table as staying put.
* Nothing leaves `ENDED`.

A signal that can only be a mistake of ours, such as proven media before anybody answered, is in no row and
raises `ImpossibleSignal`.
"""

from enum import StrEnum
from types import MappingProxyType


class CallState(StrEnum):
    """Where a call stands; `call.status` shows the value."""

    DIALING = "dialing"
    RINGING = "ringing"
    INCOMING = "incoming"
    CONNECTING = "connecting"
    ACTIVE = "active"
    RECONNECTING = "reconnecting"
    ENDED = "ended"


class Signal(StrEnum):
    """What can happen to a call."""

    RANG = "rang"
    """The far end has begun to ring."""
    ANSWERED = "answered"
    """Somebody answered; the media path is being built."""
    PROVEN = "proven"
    """Audio is proven in both directions."""
    QUIET = "quiet"
    """Nothing at all has come from the peer for too long."""
    HEARD = "heard"
    """Something has come from the peer again."""
    END = "end"
    """Somebody hung up, a deadline passed, or the path is lost for good."""


class ImpossibleSignal(RuntimeError):
    """A signal reached a state that it can't reach: a mistake in the caller, never in the network."""

    def __init__(self, state: CallState, signal: Signal) -> None:
        super().__init__(f"a call that is {state} can't be told {signal!r}")


_S, _E = CallState, Signal

TRANSITIONS = MappingProxyType(
    {
        _S.DIALING: {
            _E.RANG: _S.RINGING,
            _E.ANSWERED: _S.CONNECTING,
            _E.END: _S.ENDED,
        },
        _S.RINGING: {
            _E.RANG: _S.RINGING,
            _E.ANSWERED: _S.CONNECTING,
            _E.END: _S.ENDED,
        },
        _S.INCOMING: {
            _E.ANSWERED: _S.CONNECTING,
            _E.END: _S.ENDED,
        },
        _S.CONNECTING: {
            _E.RANG: _S.CONNECTING,
            _E.ANSWERED: _S.CONNECTING,
            _E.PROVEN: _S.ACTIVE,
            _E.QUIET: _S.CONNECTING,
            _E.HEARD: _S.CONNECTING,
            _E.END: _S.ENDED,
        },
        _S.ACTIVE: {
            _E.RANG: _S.ACTIVE,
            _E.ANSWERED: _S.ACTIVE,
            _E.PROVEN: _S.ACTIVE,
            _E.QUIET: _S.RECONNECTING,
            _E.HEARD: _S.ACTIVE,
            _E.END: _S.ENDED,
        },
        _S.RECONNECTING: {
            _E.RANG: _S.RECONNECTING,
            _E.ANSWERED: _S.RECONNECTING,
            _E.PROVEN: _S.ACTIVE,
            _E.QUIET: _S.RECONNECTING,
            _E.HEARD: _S.ACTIVE,
            _E.END: _S.ENDED,
        },
        _S.ENDED: dict.fromkeys(Signal, _S.ENDED),
    }
)


def next_state(state: CallState, signal: Signal) -> CallState:
    """The state that `signal` leads to from `state`. Raises `ImpossibleSignal` where the table has no row."""
    try:
        return TRANSITIONS[state][signal]
    except KeyError:
        raise ImpossibleSignal(state, signal) from None


def transitions_as_markdown() -> str:
    """The table for the documentation: a row a state, a column a signal; a dot means it stays, blank impossible."""

    def cell(state: CallState, signal: Signal) -> str:
        row = TRANSITIONS[state]
        if signal not in row:
            return " "
        return "·" if row[signal] is state else row[signal].value

    head = "| state | " + " | ".join(Signal) + " |"
    rule = "|---" * (len(Signal) + 1) + "|"
    rows = [f"| {state} | " + " | ".join(cell(state, signal) for signal in Signal) + " |" for state in CallState]
    return "\n".join([head, rule, *rows])
