"""Why a direct call ended, in the words of a call."""

from hullo.lines.direct.messages import DeclineReason, HangupReason
from hullo.lines.line import Ending, EndReason

_NO_ANSWER, _FAILED = EndReason.NO_ANSWER, EndReason.FAILED

BUSY = Ending(EndReason.BUSY, "the callee is in another call")
NOBODY_ANSWERED = Ending(_NO_ANSWER, "nobody answered")
NOTHING_RANG = Ending(_NO_ANSWER, "no device of theirs rang: they are away, or the rendezvous does not deliver")
ANSWERED_ELSEWHERE = Ending(_NO_ANSWER, "another device of yours answered the call")
CALLER_GAVE_UP = Ending(_NO_ANSWER, "the caller gave up")
RANG_OUT = Ending(_NO_ANSWER, "the caller waits no longer")
GLARE = Ending(EndReason.BUSY, "both called each other at the same time; their call comes in")
CALLED_AGAIN = Ending(_FAILED, "the peer's app lost the call, and calls again")
NOT_COMMITTED = Ending(
    _FAILED, "the caller revealed another value than it had committed to: somebody may be in between; don't call again"
)
DEVICE_REMOVED = Ending(
    _FAILED, "the peer has removed the device that this call was with: somebody else may have it; don't call it back"
)
OTHER_DEVICE = Ending(_NO_ANSWER, "another device of yours answered first")

_DECLINED: dict[str, Ending] = {
    DeclineReason.DECLINED: Ending(EndReason.DECLINED, "the callee declined the call"),
    DeclineReason.UNSUPPORTED: Ending(_FAILED, "the callee's app is too old for this call; ask them to update it"),
}

_RINGING_ENDED: dict[str, Ending] = {
    HangupReason.BUSY: Ending(_NO_ANSWER, "another device of yours is in a call"),
    HangupReason.DECLINED: Ending(_NO_ANSWER, "another device of yours declined the call"),
}

_TALK_ENDED: dict[str, Ending] = {
    HangupReason.FAILED: Ending(_FAILED, "the peer's app found no way for the sound, or lost it; call again"),
}


def declined(reason: str) -> Ending:
    """The end of our call by a `Decline`."""
    return _DECLINED.get(reason, _DECLINED[DeclineReason.DECLINED])


def hung_up_ringing(reason: str) -> Ending:
    """The end of an incoming call that we had not answered."""
    return _RINGING_ENDED.get(reason, CALLER_GAVE_UP)


def hung_up_talking(reason: str) -> Ending:
    """The end of an answered call by a `Hangup`."""
    return _TALK_ENDED.get(reason, Ending(EndReason.HANGUP_USER, "the peer hung up"))


def hangup_reason(ending: Ending) -> HangupReason:
    """What the peer is told of an ending of ours."""
    return HangupReason.FAILED if ending.reason in (_FAILED, EndReason.ERROR) else HangupReason.HANGUP
