"""MTProto as the documents have it, where neither client library goes: RSA_PAD, broken rules, rubbish on the wire."""

import asyncio
import os
import struct
import time
from hashlib import sha1, sha256
from io import BytesIO
from math import gcd
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hullo.demo.loopback_telegram.crypto import CryptoError, ServerKey, decrypt, encrypt, handshake_cipher, key_id
from hullo.demo.loopback_telegram.handshake import Handshake, HandshakeError
from hullo.demo.loopback_telegram.server import LoopbackTelegram
from hullo.demo.loopback_telegram.session import Envelope, Session, SessionError, open_envelope
from hullo.demo.loopback_telegram.tl import DH_PRIME, aes, core, functions, objects, read, rpc_result, types
from hullo.demo.loopback_telegram.transport import Abridged, Framing, FramingError, Full, Intermediate, recognise
from tests.demo.loopback_telegram.clients import server_key

NOW = 1_800_000_000.0
NONCE = 12345
AUTH_KEY = bytes(range(256))
DEADLINE = 30.0


# The key exchange


class Exchange:
    """A client that does the key exchange by the book, and wrong where it is told to."""

    def __init__(self, key: ServerKey) -> None:
        self.key = key
        self.server = Handshake(key, os.urandom, int(NOW))
        self.new_nonce = os.urandom(32)

    def begin(self) -> Any:
        self.res_pq = self.server.answer(functions.ReqPqMulti(nonce=NONCE))
        self.server_nonce = self.res_pq.server_nonce.to_bytes(16, "little", signed=True)
        return self.res_pq

    def inner(self) -> bytes:
        pq = int.from_bytes(self.res_pq.pq, "big")
        p = _factor(pq)
        self.p, self.q = (one.to_bytes(4, "big") for one in sorted((p, pq // p)))
        data: bytes = types.PQInnerDataDc(
            pq=self.res_pq.pq,
            p=self.p,
            q=self.q,
            nonce=NONCE,
            server_nonce=self.res_pq.server_nonce,
            new_nonce=int.from_bytes(self.new_nonce, "little", signed=True),
            dc=2,
        ).write()
        return data

    def request(self, encrypted: bytes, **changes: Any) -> Any:
        fields = {
            "nonce": NONCE,
            "server_nonce": self.res_pq.server_nonce,
            "p": self.p,
            "q": self.q,
            "public_key_fingerprint": self.key.fingerprint,
            "encrypted_data": encrypted,
        }
        return functions.ReqDHParams(**{**fields, **changes})

    def client_dh(self, params: Any, g_b: int) -> Any:
        cipher = handshake_cipher(self.new_nonce, self.server_nonce)
        plain = aes.ige256_decrypt(params.encrypted_answer, *cipher)
        self.offered = read(plain[20:])
        assert sha1(self.offered.write()).digest() == plain[:20]
        inner = types.ClientDHInnerData(
            nonce=NONCE, server_nonce=self.res_pq.server_nonce, retry_id=0, g_b=g_b.to_bytes(256, "big")
        ).write()
        padded = sha1(inner).digest() + inner
        padded += bytes(-len(padded) % 16)
        return functions.SetClientDHParams(
            nonce=NONCE,
            server_nonce=self.res_pq.server_nonce,
            encrypted_data=aes.ige256_encrypt(padded, *cipher),
        )


def rsa_pad(data: bytes, key: ServerKey) -> bytes:
    """RSA_PAD of core.telegram.org/mtproto/auth_key, which no library here sends."""
    numbers = key.private.public_key().public_numbers()
    padded = data + os.urandom(192 - len(data))
    while True:
        temporary = os.urandom(32)
        hashed = padded[::-1] + sha256(temporary + padded).digest()
        cipher = aes.ige256_encrypt(hashed, temporary, bytes(32))
        wrapped = bytes(a ^ b for a, b in zip(temporary, sha256(cipher).digest(), strict=True)) + cipher
        value = int.from_bytes(wrapped, "big")
        if value < numbers.n:
            return pow(value, numbers.e, numbers.n).to_bytes(256, "big")


def test_a_key_with_rsa_pad() -> None:
    client = Exchange(server_key())
    client.begin()
    params = client.server.answer(client.request(rsa_pad(client.inner(), client.key)))
    b = int.from_bytes(os.urandom(256), "big")
    done = client.server.answer(client.client_dh(params, pow(3, b, DH_PRIME)))
    key = pow(int.from_bytes(client.offered.g_a, "big"), b, DH_PRIME).to_bytes(256, "big")
    assert client.server.result is not None
    assert client.server.result.auth_key == key
    proof = sha1(client.new_nonce + b"\x01" + sha1(key).digest()[:8]).digest()[-16:]
    assert done.new_nonce_hash1 == int.from_bytes(proof, "little", signed=True)
    assert client.offered.server_time == int(NOW)


@pytest.mark.parametrize(
    "change", [{"nonce": 1}, {"server_nonce": 1}, {"public_key_fingerprint": 1}, {"encrypted_data": bytes(256)}]
)
def test_a_request_that_does_not_fit(change: dict[str, Any]) -> None:
    client = Exchange(server_key())
    client.begin()
    with pytest.raises(HandshakeError):
        client.server.answer(client.request(rsa_pad(client.inner(), client.key), **change))


def test_factors_that_are_none() -> None:
    client = Exchange(server_key())
    client.begin()
    wrong = read(client.inner())
    wrong.p, wrong.q = b"\x00\x00\x00\x01", b"\x00\x00\x00\x01"
    with pytest.raises(HandshakeError, match="factors"):
        client.server.answer(client.request(rsa_pad(wrong.write(), client.key)))


@pytest.mark.parametrize("g_b", [0, 1, 1 << 1983, DH_PRIME - 1])
def test_a_public_value_that_gives_the_key_away(g_b: int) -> None:
    client = Exchange(server_key())
    client.begin()
    params = client.server.answer(client.request(rsa_pad(client.inner(), client.key)))
    with pytest.raises(HandshakeError, match="out of range"):
        client.server.answer(client.client_dh(params, g_b))


def test_steps_out_of_turn() -> None:
    client = Exchange(server_key())
    client.begin()
    with pytest.raises(HandshakeError, match="out of turn"):
        client.server.answer(
            functions.SetClientDHParams(nonce=NONCE, server_nonce=client.res_pq.server_nonce, encrypted_data=b"")
        )


# A session


def session() -> Session:
    return Session(AUTH_KEY, 7, salt=99, random=os.urandom)


def envelope(body: Any, *, at: float = NOW, number: int = 0, sequence: int = 1, salt: int = 99) -> Envelope:
    return Envelope(salt, 7, (int(at * 2**32) & ~3) + number, sequence, body.write())


def test_messages_are_taken_once_and_a_new_session_is_announced() -> None:
    one = session()
    ping = envelope(functions.Ping(ping_id=5))
    messages, answers = one.receive(ping, NOW)
    assert [message.body.ping_id for message in messages] == [5]
    assert [type(answer) for answer in answers] == [types.NewSessionCreated]
    assert one.receive(ping, NOW) == ([], [])


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"at": NOW - 301}, 16),
        ({"at": NOW + 31}, 17),
        ({"number": 1}, 18),
        ({"salt": 0}, 48),
    ],
)
def test_what_a_client_is_told_when_a_message_is_wrong(wrong: dict[str, Any], code: int) -> None:
    messages, [answer] = session().receive(envelope(functions.Ping(ping_id=5), **wrong), NOW)
    assert messages == []
    assert answer.error_code == code
    if code == 48:
        assert answer.new_server_salt == 99


def test_acknowledgements_have_even_numbers() -> None:
    one = session()
    _, [bad] = one.receive(envelope(types.MsgsAck(msg_ids=[]), sequence=3), NOW)
    assert bad.error_code == 34


def test_containers_gzip_and_resending() -> None:
    one = session()
    long = types.DataJSON(data="x" * 5000)
    packet = one.send([rpc_result(4, long), types.Pong(msg_id=1, ping_id=2)], NOW)
    pushed = one.send([types.UpdatesTooLong()], NOW, pushed=True)
    container = _opened(packet)
    result, pong = container.body.messages
    assert len(packet) < 1000
    assert result.body.result.data == long.data
    assert (result.msg_id % 4, result.seq_no % 2) == (1, 1)
    assert pong.seq_no % 2 == 0
    update = _opened(pushed)
    assert (update.msg_id % 4, update.seq_no % 2) == (3, 1)
    again = one.resend(NOW + 1)
    assert again is not None
    assert [message.msg_id for message in _opened(again).body.messages] == [result.msg_id, update.msg_id]
    one.receive(envelope(types.MsgsAck(msg_ids=[result.msg_id, update.msg_id]), sequence=0), NOW)
    assert one.resend(NOW + 2) is None


def test_a_constructor_nobody_knows() -> None:
    broken = Envelope(99, 7, int(NOW * 2**32) & ~3, 1, b"\xde\xad\xbe\xef")
    messages, answers = session().receive(broken, NOW)
    assert messages == []
    assert answers[-1].result.error_message == "INPUT_METHOD_INVALID"


@pytest.mark.parametrize("length", [0, 8, 24, 40, 72, 100])
def test_packets_that_are_no_packets(length: int) -> None:
    with pytest.raises((CryptoError, SessionError)):
        open_envelope(AUTH_KEY, os.urandom(length))


def test_a_packet_of_another_direction_is_refused() -> None:
    with pytest.raises(CryptoError):
        decrypt(AUTH_KEY, encrypt(AUTH_KEY, bytes(48), os.urandom))


def test_constructors_without_fields_in_vectors() -> None:
    request = read(functions.users.GetUsers(id=[types.InputUserSelf()]).write())
    assert [type(one) for one in objects(request.id)] == [types.InputUserSelf]


# The wire


@pytest.mark.parametrize("make", [Abridged, Intermediate, Full])
@given(packets=st.lists(st.integers(1, 300).map(lambda words: os.urandom(words * 4)), min_size=1, max_size=4))
@settings(max_examples=20)
def test_packets_survive_their_framing(make: type[Framing], packets: list[bytes]) -> None:
    async def there() -> list[bytes]:
        sender, reader = make(), asyncio.StreamReader()
        reader.feed_data(b"".join(sender.frame(packet) for packet in packets))
        receiver = make()
        return [await receiver.read(reader) for _ in packets]

    assert asyncio.run(there()) == packets


@given(st.binary(min_size=1, max_size=64))
@settings(max_examples=100)
def test_random_bytes_are_refused_or_framed(data: bytes) -> None:
    async def read_all() -> None:
        reader = asyncio.StreamReader()
        reader.feed_data(data)
        reader.feed_eof()
        framing = await recognise(reader)
        while True:
            await framing.read(reader)

    with pytest.raises((FramingError, asyncio.IncompleteReadError, ValueError)):
        asyncio.run(read_all())


@pytest.mark.parametrize(
    "rubbish", [b"GET / HTTP/1.1\r\n\r\n", b"\xef" + os.urandom(300), b"\xee" * 4 + struct.pack("<I", 1 << 30)]
)
async def test_rubbish_costs_its_sender_the_connection_and_nobody_else(rubbish: bytes) -> None:
    async with asyncio.timeout(DEADLINE), LoopbackTelegram(key=server_key()) as server:
        reader, writer = await asyncio.open_connection(*server.address)
        writer.write(rubbish)
        writer.write_eof()
        try:
            while await reader.read(1000):
                pass
        except ConnectionResetError:
            pass
        writer.close()
        answer = await _ask(server, functions.ReqPqMulti(nonce=NONCE))
        assert answer.nonce == NONCE


async def test_an_unknown_key_gets_404() -> None:
    async with asyncio.timeout(DEADLINE), LoopbackTelegram(key=server_key()) as server:
        reader, writer = await asyncio.open_connection(*server.address)
        packet = key_id(AUTH_KEY) + encrypt(AUTH_KEY, bytes(48), os.urandom)[8:]
        writer.write(b"\xee" * 4 + Intermediate().frame(packet))
        assert struct.unpack("<ii", await reader.readexactly(8)) == (4, -404)
        writer.close()


async def _ask(server: LoopbackTelegram, request: Any) -> Any:
    reader, writer = await asyncio.open_connection(*server.address)
    data = request.write()
    message_id = int(time.time() * 2**32) & ~3
    writer.write(b"\xee" * 4 + Intermediate().frame(bytes(8) + struct.pack("<qi", message_id, len(data)) + data))
    answer = await Intermediate().read(reader)
    writer.close()
    return read(answer[20:])


def _opened(packet: bytes) -> Any:
    """What a client finds in a packet of the server's."""
    plain = _client_side(packet)
    return core.Message.read(BytesIO(plain[16:]))


def _client_side(packet: bytes) -> bytes:
    message_key = packet[8:24]
    a = sha256(message_key + AUTH_KEY[8:44]).digest()
    b = sha256(AUTH_KEY[48:84] + message_key).digest()
    key, iv = a[:8] + b[8:24] + a[24:], b[:8] + a[8:24] + b[24:]
    plain: bytes = aes.ige256_decrypt(packet[24:], key, iv)
    assert sha256(AUTH_KEY[96:128] + plain).digest()[8:24] == message_key
    return plain


def _factor(n: int) -> int:
    """Pollard's rho."""
    for constant in range(1, 50):
        x = y = 2
        divisor = 1
        while divisor == 1:
            x = (x * x + constant) % n
            y = (y * y + constant) % n
            y = (y * y + constant) % n
            divisor = gcd(abs(x - y), n)
        if divisor != n:
            return divisor
    raise AssertionError("no factor")
