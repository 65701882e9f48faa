"""Whether the path of a call still carries: by what is heard of the peer, who is asked while it is quiet."""

from hullo.rtc.connection import RtcConnection

QUIET = 1.5
"""Seconds without anything of the peer, sound or check, after which the path counts as lost."""
ASK_FROM = 0.5
"""Seconds of quiet after which the path is asked at every look: a peer that is muted says little by itself."""
LOOK_EVERY = 0.1


class PathWatch:
    """Watches the path that a connected connection has; `look` is called every `LOOK_EVERY`. Times are monotonic."""

    def __init__(self, connection: RtcConnection) -> None:
        self._connection = connection

    def look(self, now: float) -> None:
        """Ask the peer, if it has been quiet."""
        if self._quiet_for(now) > ASK_FROM:
            self._connection.check_path(_ignore)

    def quiet(self, now: float) -> bool:
        """Whether nothing has come for so long that the path counts as lost."""
        return self._quiet_for(now) > QUIET

    def lost(self, now: float) -> bool:
        """The same, or this machine has no way to send on it any more."""
        return self.quiet(now) or self._connection.path_is_broken()

    def _quiet_for(self, now: float) -> float:
        heard = self._connection.last_heard
        return 0.0 if heard is None else now - heard


def _ignore(now: float) -> None: ...
