"""One MTProto session of a client: messages in and out, acknowledged, in containers, sent again after a reconnect.

core.telegram.org/mtproto/description and /mtproto/service_messages. No sockets, and time comes as `now`, Unix seconds.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hullo.demo.loopback_telegram.crypto import RandomBytes, decrypt, encrypt
from hullo.demo.loopback_telegram.tl import Serialised, core, functions, read, types

_OLDEST = 300
_NEWEST = 30
_REMEMBERED = 4000
_UNACKED_MOST = 2000

_NOT_CONTENT = (types.MsgsAck, core.MsgContainer)

MSG_ID_TOO_LOW, MSG_ID_TOO_HIGH, MSG_ID_NOT_BY_4 = 16, 17, 18
SEQNO_EVEN_EXPECTED, SEQNO_ODD_EXPECTED = 34, 35
BAD_SALT = 48


@dataclass(frozen=True)
class Envelope:
    """What was encrypted: salt and session, and the message in wire form."""

    salt: int
    session_id: int
    message_id: int
    sequence: int
    body: bytes


@dataclass(frozen=True)
class Incoming:
    """One message of the client, taken out of its container."""

    message_id: int
    sequence: int
    body: Any


class SessionError(ValueError):
    """A packet that breaks the rules so badly that the connection is closed."""


def open_envelope(auth_key: bytes, packet: bytes) -> Envelope:
    """The envelope in an encrypted packet. Raises `CryptoError` and `SessionError`."""
    plain = decrypt(auth_key, packet)
    salt, session_id, message_id, sequence, length = struct.unpack_from("<qqqii", plain)
    padding = len(plain) - 32 - length
    if length < 0 or length % 4 or not 12 <= padding <= 1024:
        raise SessionError(f"{padding} bytes of padding")
    return Envelope(salt, session_id, message_id, sequence, plain[32 : 32 + length])


class Session:
    """What the server keeps of one session."""

    def __init__(self, auth_key: bytes, session_id: int, salt: int, random: RandomBytes) -> None:
        self.id = session_id
        self._auth_key = auth_key
        self._salt = salt
        self._random = random
        self._last_id = 0
        self._content_sent = 0
        self._seen: dict[int, None] = {}
        self._unacked: dict[int, Any] = {}
        self._new = True

    # In

    def receive(self, envelope: Envelope, now: float) -> tuple[list[Incoming], list[Any]]:
        """The new messages in an envelope, and service messages that answer it at once."""
        error = self._wrong(envelope, now)
        if error is not None:
            return [], [error]
        answers = self._greeting(envelope)
        try:
            body = read(envelope.body)
        except ValueError:
            return [], [*answers, self._unreadable(envelope.message_id)]
        messages = [
            message
            for message in _unpacked(Incoming(envelope.message_id, envelope.sequence, body))
            if self._is_new(message.message_id)
        ]
        bad = [error for message in messages if (error := _wrong_sequence(message)) is not None]
        if bad:
            return [], bad
        for message in messages:
            if isinstance(message.body, types.MsgsAck):
                for acknowledged in message.body.msg_ids:
                    self._unacked.pop(acknowledged, None)
        return [message for message in messages if not isinstance(message.body, types.MsgsAck)], answers

    def _wrong(self, envelope: Envelope, now: float) -> Any | None:
        def bad(code: int) -> Any:
            return types.BadMsgNotification(
                bad_msg_id=envelope.message_id, bad_msg_seqno=envelope.sequence, error_code=code
            )

        at = envelope.message_id / 2**32
        if envelope.message_id % 4:
            return bad(MSG_ID_NOT_BY_4)
        if at < now - _OLDEST:
            return bad(MSG_ID_TOO_LOW)
        if at > now + _NEWEST:
            return bad(MSG_ID_TOO_HIGH)
        if envelope.salt != self._salt:
            return types.BadServerSalt(
                bad_msg_id=envelope.message_id,
                bad_msg_seqno=envelope.sequence,
                error_code=BAD_SALT,
                new_server_salt=self._salt,
            )
        return None

    def _greeting(self, envelope: Envelope) -> list[Any]:
        if not self._new:
            return []
        self._new = False
        unique = int.from_bytes(self._random(8), "little", signed=True)
        return [types.NewSessionCreated(first_msg_id=envelope.message_id, unique_id=unique, server_salt=self._salt)]

    def _is_new(self, message_id: int) -> bool:
        if message_id in self._seen:
            return False
        self._seen[message_id] = None
        if len(self._seen) > _REMEMBERED:
            del self._seen[next(iter(self._seen))]
        return True

    def _unreadable(self, message_id: int) -> Any:
        error = types.RpcError(error_code=400, error_message="INPUT_METHOD_INVALID")
        return types.RpcResult(req_msg_id=message_id, result=error)

    # Out

    def send(self, bodies: list[Any], now: float, *, pushed: bool = False) -> bytes:
        """The packet with these messages, in a container if they are several. Content is kept until acknowledged."""
        messages = [self._message(body, now, pushed) for body in bodies]
        return self._packet(messages, now)

    def resend(self, now: float) -> bytes | None:
        """The packet with everything that was never acknowledged, under its old ids; None if there is nothing."""
        messages = list(self._unacked.values())
        return self._packet(messages, now) if messages else None

    def inherit(self, older: "Session") -> bool:
        """Take over the updates that an older session never acknowledged; whether there were any."""
        before = len(self._unacked)
        for message_id, message in list(older._unacked.items()):
            if message_id % 4 == 3:
                del older._unacked[message_id]
                self._unacked[message_id] = message
                self._last_id = max(self._last_id, message_id)
        return len(self._unacked) > before

    def _message(self, body: Any, now: float, pushed: bool) -> Any:
        content = not isinstance(body, (*_NOT_CONTENT, types.Pong, types.BadServerSalt, types.BadMsgNotification))
        message_id = self._next_id(now, 3 if pushed else 1)
        sequence = self._content_sent * 2 + content
        self._content_sent += content
        data = body.write()
        message = core.Message(Serialised(data), message_id, sequence, len(data))
        if content:
            self._unacked[message_id] = message
            if len(self._unacked) > _UNACKED_MOST:
                del self._unacked[next(iter(self._unacked))]
        return message

    def _packet(self, messages: list[Any], now: float) -> bytes:
        if len(messages) == 1:
            data = messages[0].write()
        else:
            container = core.MsgContainer(messages).write()
            sequence = self._content_sent * 2
            data = core.Message(Serialised(container), self._next_id(now, 1), sequence, len(container)).write()
        return encrypt(self._auth_key, struct.pack("<qq", self._salt, self.id) + data, self._random)

    def _next_id(self, now: float, remainder: int) -> int:
        fresh = int(now * 2**32) & ~3 | remainder
        while fresh <= self._last_id:
            fresh = (self._last_id & ~3) + 4 | remainder
        self._last_id = fresh
        return fresh


def _unpacked(message: Incoming) -> Iterator[Incoming]:
    if isinstance(message.body, core.MsgContainer):
        for inner in message.body.messages:
            yield from _unpacked(Incoming(inner.msg_id, inner.seq_no, inner.body))
    else:
        yield message


def _wrong_sequence(message: Incoming) -> Any | None:
    odd = message.sequence % 2
    if odd and isinstance(message.body, types.MsgsAck):
        code = SEQNO_EVEN_EXPECTED
    elif not odd and isinstance(message.body, functions.InvokeWithLayer):
        code = SEQNO_ODD_EXPECTED
    else:
        return None
    return types.BadMsgNotification(bad_msg_id=message.message_id, bad_msg_seqno=message.sequence, error_code=code)
