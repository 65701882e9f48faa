"""Joins two calls: each one's peer hears the other's."""

from hullo.call.call import Call
from hullo.call.errors import WrongState
from hullo.call.patch import Passage, Patch
from hullo.lines.line import Ending, EndReason


def bridge(one: Call, other: Call) -> None:
    """Let the two peers hear each other; when one call ends, so does the other, and when one is joined elsewhere, the
    other is on its own again. Raises `WrongState`, and joins neither then.
    """
    if one is other:
        raise WrongState(f"call {one.call_id} can't be bridged to itself", "name two calls")
    one.check_live()
    other.check_live()
    forth, back = Passage(), Passage()
    _join(one, other, forth, back)
    _join(other, one, back, forth)


def _join(call: Call, other: Call, out: Passage, into: Passage) -> None:
    def released(ended: bool) -> None:
        if ended:
            other.end(Ending(EndReason.HANGUP_BOT, f"the call that this one was bridged to, {call.call_id}, ended"))
        else:
            other.disconnect(call.call_id)

    call.connect(Patch(to=other.call_id, ear=out.ear, mouth=into.mouth, released=released))
