"""How the browser line says no over HTTP, on both of its sides: a status and a JSON body that says what to do."""

import msgspec

from hullo.lines.line import Ending, EndReason

BAD_JSON = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What `msgspec.json.decode` raises for what others send: no JSON, another type, no UTF-8, too deep."""


class Problem(Exception):
    """A request that is refused: HTTP status, a stable short name, what happened, and what to do about it."""

    def __init__(self, status: int, error: str, detail: str, remedy: str) -> None:
        super().__init__(detail)
        self.status = status
        self.body = ProblemBody(error=error, detail=detail, remedy=remedy)


class ProblemBody(msgspec.Struct, frozen=True, kw_only=True):
    """The JSON body of a refusal."""

    error: str
    detail: str = ""
    remedy: str = ""


_REFUSALS = {
    EndReason.DECLINED: (403, "the call was declined", "call again later"),
    EndReason.BUSY: (503, "the line is busy", "call again when the current call has ended"),
    EndReason.NO_ANSWER: (504, "nobody answered", "call again later"),
    EndReason.TIMEOUT: (504, "nobody answered in time", "call again later"),
}
_FAILURE = (500, "the call could not be answered", "see the log of the called side")


def refusal(ending: Ending) -> Problem:
    """What a caller is told when its call ends before it was answered."""
    status, detail, remedy = _REFUSALS.get(ending.reason, _FAILURE)
    return Problem(status, ending.reason.value, ending.detail or detail, remedy)


def ending_of(status: int, body: bytes) -> Ending:
    """What a caller makes of a refusal; a body that is not ours only costs its words."""
    try:
        problem = msgspec.json.decode(body, type=ProblemBody)
    except BAD_JSON:
        problem = ProblemBody(error="")
    spoken = {reason.value: reason for reason in _REFUSALS}
    reason = spoken.get(problem.error, EndReason.FAILED)
    words = "; ".join(filter(None, (problem.detail, problem.remedy))) or "no explanation was given"
    return Ending(reason, f"the called side refused with HTTP {status}: {words}")
