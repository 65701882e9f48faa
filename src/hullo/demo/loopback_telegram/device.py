"""A device: one authorization key with its sessions, and the connections they are on now."""

from collections.abc import Callable
from typing import Any

from hullo.demo.loopback_telegram.crypto import RandomBytes
from hullo.demo.loopback_telegram.session import Session
from hullo.demo.loopback_telegram.world import Authorization

Write = Callable[[bytes], None]

_SESSIONS_MOST = 5


class Device:
    """Keeps the sessions of one key, and brings each message to the connection its session is on."""

    def __init__(self, authorization: Authorization, random: RandomBytes) -> None:
        self.authorization = authorization
        self._random = random
        self._sessions: dict[int, Session] = {}
        self._writers: dict[int, Write] = {}
        self._listening: set[int] = set()

    @property
    def id(self) -> int:
        """The id of its key."""
        return self.authorization.device

    @property
    def user_id(self) -> int | None:
        """Who is logged in on it."""
        member = self.authorization.member
        return None if member is None else member.id

    def session(self, session_id: int, *, inherit: bool) -> Session:
        """The session of that id, begun if it is new; `inherit` moves what older ones still had to tell to it."""
        session = self._sessions.pop(session_id, None)
        if session is None:
            session = Session(self.authorization.key, session_id, self.authorization.salt, self._random)
            if inherit:
                self._inherit(session)
        self._sessions[session_id] = session  # the last one is the one used last
        while len(self._sessions) > _SESSIONS_MOST:
            oldest = next(iter(self._sessions))
            del self._sessions[oldest]
            self._listening.discard(oldest)
        return session

    def attach(self, session: Session, write: Write, now: float) -> None:
        """A session has come on a connection: what it never acknowledged is sent again, if the connection is new."""
        if self._writers.get(session.id) is write:
            return
        self._writers[session.id] = write
        packet = session.resend(now)
        if packet is not None:
            write(packet)

    def detach(self, write: Write) -> None:
        """A connection is gone."""
        for session_id in [one for one, writer in self._writers.items() if writer is write]:
            del self._writers[session_id]

    def listen(self, session: Session, now: float, *, inherit: bool) -> None:
        """The session wants updates from now on; with `inherit` also what came for older ones since it began."""
        if session.id in self._listening:
            return
        self._listening.add(session.id)
        if inherit and self._inherit(session) and session.id in self._writers:
            packet = session.resend(now)
            if packet is not None:
                self._writers[session.id](packet)

    def _inherit(self, session: Session) -> bool:
        moved = [session.inherit(older) for older in self._sessions.values() if older is not session]
        return any(moved)

    def push(self, body: Any, now: float) -> None:
        """An update for this device: to each session that is connected, else to the last one for when it comes back."""
        connected = [one for one in self._sessions if one in self._writers and one in self._listening]
        waiting = [one for one in self._sessions if one in self._listening][-1:]
        for session_id in connected or waiting:
            packet = self._sessions[session_id].send([body], now, pushed=True)
            if session_id in self._writers:
                self._writers[session_id](packet)
