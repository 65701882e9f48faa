"""Why a Telegram call ended, in the words of a call: discard reasons and error names both ways."""

from hullo.lines.line import Ending, EndReason
from hullo.lines.telegram.account.errors import ENDED
from hullo.lines.telegram.port import DiscardReason, TelegramError, TelegramUnreachable

BUSY_WITHIN = 1.5
"""Seconds of ringing. An app that is in another call refuses at once, a person takes longer; both say busy."""

_FAILED, _BUSY, _DECLINED, _NO_ANSWER = EndReason.FAILED, EndReason.BUSY, EndReason.DECLINED, EndReason.NO_ANSWER

ANSWERED_ELSEWHERE = Ending(_NO_ANSWER, "another device of this account answered the call")
CALLER_GONE = Ending(_NO_ANSWER, "the caller gave up")

_UNANSWERED = {
    DiscardReason.MISSED: Ending(_NO_ANSWER, "nobody answered"),
    DiscardReason.HANGUP: Ending(_DECLINED, "the callee declined the call"),
    DiscardReason.DISCONNECT: Ending(_FAILED, "the callee's app could not take the call; call again"),
    DiscardReason.MIGRATE: Ending(_DECLINED, "the callee moved the call into a group call"),
}

_RINGING = {
    DiscardReason.BUSY: Ending(_NO_ANSWER, "another device of this account declined the call"),
    DiscardReason.DISCONNECT: Ending(_FAILED, "the caller's app gave the call up because of an error"),
    DiscardReason.MIGRATE: Ending(_NO_ANSWER, "the caller moved the call into a group call"),
}

_ESTABLISHED = {
    DiscardReason.DISCONNECT: Ending(
        _FAILED, "the peer's app gave the call up: it found no way for the sound, or lost it; call again"
    ),
    DiscardReason.MIGRATE: Ending(EndReason.HANGUP_USER, "the peer moved the call into a group call"),
}

_ERRORS = {
    "USER_PRIVACY_RESTRICTED": Ending(
        _FAILED, "their privacy settings do not allow calls from this account; ask them to add it to their contacts"
    ),
    "USER_IS_BLOCKED": Ending(_FAILED, "one of the two accounts has blocked the other; it has to be unblocked first"),
    "YOU_BLOCKED_USER": Ending(_FAILED, "this account has blocked them; unblock them first"),
    "PARTICIPANT_VERSION_OUTDATED": Ending(_FAILED, "their app is too old for this call; ask them to update it"),
    "CALL_PROTOCOL_COMPAT_LAYER_INVALID": Ending(_FAILED, "the two apps have no call version in common"),
    "USER_ID_INVALID": Ending(_FAILED, "there is no such user, or it cannot be called"),
    "INPUT_USER_DEACTIVATED": Ending(_FAILED, "their account has been deleted"),
    "PEER_FLOOD": Ending(_FAILED, "Telegram limits this account for calling too many strangers; see @SpamBot"),
    "FROZEN_METHOD_INVALID": Ending(_FAILED, "Telegram has frozen this account; open the Telegram app to appeal"),
    "CALL_OCCUPY_FAILED": Ending(_FAILED, "Telegram could not reserve the call; call again"),
    "CALL_ALREADY_ACCEPTED": ANSWERED_ELSEWHERE,
    "CALL_ALREADY_DECLINED": CALLER_GONE,
    "CALL_PEER_INVALID": Ending(_NO_ANSWER, "the call does not exist any more"),
    **{name: Ending(_FAILED, why) for name, why in ENDED.items()},
}
_OVER = ("CALL_ALREADY_ACCEPTED", "CALL_ALREADY_DECLINED", "CALL_PEER_INVALID")


def discarded_unanswered(reason: DiscardReason | None, rang_for: float | None) -> Ending:
    """The end of a call of ours that nobody accepted; `rang_for` seconds, or None if no device rang."""
    if reason is DiscardReason.BUSY:
        if rang_for is not None and rang_for >= BUSY_WITHIN:
            return Ending(_DECLINED, "the callee declined the call")
        return Ending(_BUSY, "the callee is in another call, or declined at once")
    if reason is None:
        return Ending(_NO_ANSWER, "the call was ended before anybody answered")
    return _UNANSWERED[reason]


def discarded_ringing(reason: DiscardReason | None) -> Ending:
    """The end of an incoming call that we had not answered."""
    return _RINGING.get(reason, CALLER_GONE) if reason else CALLER_GONE


def discarded_established(reason: DiscardReason | None) -> Ending:
    """The end of a call that had been answered."""
    hung_up = Ending(EndReason.HANGUP_USER, "the peer hung up")
    return _ESTABLISHED.get(reason, hung_up) if reason else hung_up


def discarded_accepted(reason: DiscardReason | None) -> Ending:
    """The end of a call that had been answered, and whose key was being exchanged."""
    if reason is DiscardReason.DISCONNECT:
        return Ending(_FAILED, "the peer's app gave the call up before the two had a key; call again")
    return discarded_established(reason)


def refused(error: TelegramError, doing: str) -> Ending:
    """The end of a call because Telegram refused `doing` ("placing the call")."""
    if isinstance(error, TelegramUnreachable):
        return Ending(_FAILED, f"Telegram does not answer while {doing}: {error.detail}")
    if error.retry_after is not None:
        return Ending(_FAILED, f"Telegram asks this account to wait {error.retry_after:g} s before {doing}")
    return _ERRORS.get(error.name) or Ending(_FAILED, f"Telegram refused {doing}: {error.name}")


def is_live(error: TelegramError) -> bool:
    """Whether the call may go on at Telegram after this refusal, so that the peer waits until it is told otherwise."""
    return error.name not in _OVER


def account_ended(why: str) -> Ending:
    """The end of a call that nobody had answered when the account was logged out."""
    return Ending(_FAILED, f"the Telegram account is offline for good: {why}")


def not_confirmed(error: TelegramError) -> Ending:
    """The end of an answered call of ours because Telegram refused the confirmation."""
    if not is_live(error):
        return discarded_established(None)
    return refused(error, "confirming the call")


def discard_reason(ending: Ending, *, answered: bool, is_caller: bool) -> DiscardReason:
    """What to tell the server of an ending of ours."""
    if not answered:
        return DiscardReason.MISSED if is_caller else DiscardReason.BUSY
    failed = ending.reason in (EndReason.FAILED, EndReason.ERROR)
    return DiscardReason.DISCONNECT if failed else DiscardReason.HANGUP
