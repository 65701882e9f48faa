"""The errors of this service beside those of JSON-RPC itself: one code and one stable word for each."""

from enum import IntEnum
from types import MappingProxyType
from typing import Self

from hullo.call.errors import CallError, CallRefused, CannotHear, CannotSpeak, NoSpeech, UnknownCall, WrongState
from hullo.service.rpc import RpcError


class ErrorCode(IntEnum):
    """Codes from the range that JSON-RPC leaves to servers; `data.kind` carries the name as a word."""

    meaning: str

    def __new__(cls, code: int, meaning: str) -> Self:
        member = int.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member

    CALL_ERROR = -32000, "The request about a call can't be carried out, for a reason that has no code of its own."
    UNKNOWN_CALL = -32001, "There is no call of that id, now or lately."
    WRONG_STATE = -32002, "The call is not in a state in which this makes sense."
    CALL_REFUSED = -32003, "A new call can't be begun: no line takes the address, or too many calls are live."
    NO_SPEECH = -32004, "This daemon runs without a voice."
    WHICH_CALL = -32005, "call_id was left out, which works only while exactly one call is live."
    SPEECH_FAILED = -32006, "A text or a sound file can't be spoken or played."
    FILE_FAILED = -32007, "A file can't be written."
    EVENTS_MISSED = -32008, "The client read too slowly and missed events that matter; it is disconnected."
    TOO_MANY_CLIENTS = -32009, "The daemon serves as many clients as it may."
    NOT_ALLOWED = -32010, "The client belongs to another user of this machine."
    TOO_SLOW = -32011, "The request took longer than its deadline and was given up."

    NO_CONTACTS = -32012, "This daemon has no private calls: [direct] is not enabled."
    CONTACT_REFUSED = -32013, "A contact can't be changed so."
    HEARING_FAILED = -32014, "The call can't be heard in the way that was asked for."
    NO_AUDIO = -32015, "There is no sound on the daemon's machine, or [audio] is not enabled."
    DEVICE_FAILED = -32016, "A microphone or a speaker is not there, is taken, or can't be used."
    NO_MESSAGES = -32017, "This daemon keeps no voice messages: [messages] is not enabled."
    MESSAGE_FAILED = -32018, "A voice message can't be found, made, sent or changed."

    @property
    def kind(self) -> str:
        """The code as a word, such as `unknown-call`."""
        return self.name.lower().replace("_", "-")


_CODES = MappingProxyType(
    {
        UnknownCall: ErrorCode.UNKNOWN_CALL,
        WrongState: ErrorCode.WRONG_STATE,
        CallRefused: ErrorCode.CALL_REFUSED,
        NoSpeech: ErrorCode.NO_SPEECH,
        CannotSpeak: ErrorCode.SPEECH_FAILED,
        CannotHear: ErrorCode.HEARING_FAILED,
    }
)


def domain_error(code: ErrorCode, message: str, hint: str) -> RpcError:
    """An error of this service as the client sees it."""
    return RpcError(code, message, hint, kind=code.kind)


def as_rpc_error(error: CallError | OSError) -> RpcError:
    """What went wrong in a method, as the client sees it."""
    match error:
        case CallError():
            return domain_error(_CODES.get(type(error), ErrorCode.CALL_ERROR), str(error), error.hint)
        case TimeoutError():
            return domain_error(ErrorCode.TOO_SLOW, "the request took too long", "ask call.status, then try again")
        case OSError():
            hint = "give an absolute path that the daemon may write"
            return domain_error(ErrorCode.FILE_FAILED, f"{error.strerror or error}: {error.filename}", hint)


def errors_as_markdown() -> str:
    """The table for the documentation."""
    rows = [f"| {code.value} | `{code.kind}` | {code.meaning} |" for code in ErrorCode]
    return "\n".join(["| code | kind | meaning |", "|---|---|---|", *rows])
