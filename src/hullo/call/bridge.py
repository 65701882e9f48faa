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
    first = Patch(to=other.call_id, ear=forth.ear, mouth=back.mouth, released=lambda ended: let_go(ended, one))
    second = Patch(to=one.call_id, ear=back.ear, mouth=forth.mouth, released=lambda ended: let_go(ended, other))

    def let_go(ended: bool, by: Call) -> None:
        rest, patch = (other, second) if by is one else (one, first)
        if ended:
            rest.end(Ending(EndReason.HANGUP_BOT, f"call {by.call_id}, which this one was bridged to, ended"))
        else:
            rest.disconnect(patch)

    one.connect(first)
    other.connect(second)
