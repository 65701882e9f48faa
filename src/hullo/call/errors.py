"""What can be wrong with a request about a call. Each says in `hint` what to do next."""


class CallError(Exception):
    """A request about a call that can't be carried out. The call itself is as it was."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


class UnknownCall(CallError):
    """There is no such call, now or lately."""

    def __init__(self, call_id: str) -> None:
        super().__init__(f"there is no call {call_id!r}", "ask call.list for the calls there are")


class CallRefused(CallError):
    """A new call can't be begun: no line takes the address, or too many calls are live."""


class WrongState(CallError):
    """The call is not in a state in which this makes sense."""


class CannotSpeak(CallError):
    """Something can't be said or played: no voice, an empty text, a file that is no sound."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause), "run hullo doctor to see what speech needs, or speak something else")


class CannotHear(CallError):
    """The call can't be heard in the way that was asked for."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause), "see call.configure in docs/protocol.md for what can be set")


class NoSpeech(CallError):
    """The call has no voice, or, in a process wholly without speech, plays no files either."""

    def __init__(self, call_id: str) -> None:
        super().__init__(f"call {call_id} has no voice: this process runs without speech", "turn [speech] on")
