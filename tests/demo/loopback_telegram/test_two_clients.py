"""kurigram and Telethon as they are, on every transport: login, and calls between them to the common key.

Two TL layers, two handshakes and two ciphers that nobody here wrote: what the server gets wrong, one of them refuses.
"""

import hashlib
import secrets
from collections.abc import AsyncIterator
from typing import Any

import pytest

from hullo.demo.loopback_telegram.server import LoopbackTelegram
from hullo.demo.loopback_telegram.tl import DH_PRIME
from hullo.lines.telegram.port import PhoneConnection, PhoneConnectionWebrtc
from tests.demo.loopback_telegram.clients import (
    KURIGRAM_TRANSPORTS,
    TELETHON_TRANSPORTS,
    StockClient,
    client_of,
    server_key,
)

ANNA, BERT = 1001, 1002
PASSWORD = "correct horse"


@pytest.fixture
async def server() -> AsyncIterator[LoopbackTelegram]:
    async with LoopbackTelegram(key=server_key()) as server:
        server.add_member(ANNA, "Anna")
        server.add_member(BERT, "Bert", password=PASSWORD)
        server.settings.connections = [
            PhoneConnection(id=7, ip="127.0.0.1", port=599, peer_tag=bytes(range(16))),
            PhoneConnectionWebrtc(id=8, ip="127.0.0.1", port=3478, username="u", password="p", turn=True),
        ]
        yield server


def secret() -> tuple[int, bytes]:
    while True:
        number = secrets.randbits(2048)
        public = pow(3, number, DH_PRIME).to_bytes(256, "big")
        if public[0]:
            return number, public


def protocol(client: StockClient, *versions: str) -> Any:
    return client.make(
        "phoneCallProtocol",
        min_layer=65,
        max_layer=92,
        library_versions=list(versions),
        udp_p2p=True,
        udp_reflector=True,
    )


def peer(client: StockClient, call: Any) -> Any:
    return client.make("inputPhoneCall", id=call.id, access_hash=call.access_hash)


async def user(client: StockClient, name: str) -> Any:
    found = (await client.request("contacts.resolveUsername", username=name)).users[0]
    return client.make("inputUser", user_id=found.id, access_hash=found.access_hash)


@pytest.mark.parametrize(("kurigram", "telethon"), list(zip(KURIGRAM_TRANSPORTS, TELETHON_TRANSPORTS, strict=True)))
@pytest.mark.parametrize("telethon_calls", [False, True])
async def test_a_call_from_request_to_discard(
    server: LoopbackTelegram, kurigram: str, telethon: str, telethon_calls: bool
) -> None:
    names = (telethon, kurigram) if telethon_calls else (kurigram, telethon)
    async with client_of(server, names[0]) as caller, client_of(server, names[1]) as callee:
        assert await caller.log_in("+99966 01001", None) == ANNA
        assert await callee.log_in("+99966 01002", PASSWORD) == BERT
        key = await set_up(caller, callee)
        for number in range(20):
            blob = bytes([number]) * 600
            await caller.request("phone.sendSignalingData", peer=key.caller_peer, data=blob)
            assert (await callee.update("UpdatePhoneCallSignalingData")).data == blob
            await callee.request("phone.sendSignalingData", peer=key.callee_peer, data=blob)
            assert (await caller.update("UpdatePhoneCallSignalingData")).data == blob
        ended = await caller.request(
            "phone.discardCall",
            peer=key.caller_peer,
            duration=12,
            reason=caller.make("phoneCallDiscardReasonHangup"),
            connection_id=0,
        )
        assert type(ended.updates[0].phone_call).__name__ == "PhoneCallDiscarded"
        heard = await callee.update("PhoneCallDiscarded")
        assert (type(heard.reason).__name__, heard.duration) == ("PhoneCallDiscardReasonHangup", 12)
    assert server.world.book.live() == 0


class Exchanged:
    def __init__(self, caller_peer: Any, callee_peer: Any) -> None:
        self.caller_peer = caller_peer
        self.callee_peer = callee_peer


async def set_up(caller: StockClient, callee: StockClient) -> Exchanged:
    config = await caller.request("messages.getDhConfig", version=0, random_length=256)
    assert (config.g, int.from_bytes(config.p, "big"), len(config.random)) == (3, DH_PRIME, 256)
    a, g_a = secret()
    b, g_b = secret()
    waiting = await caller.request(
        "phone.requestCall",
        user_id=await user(caller, "bert"),
        random_id=secrets.randbits(31),
        g_a_hash=hashlib.sha256(g_a).digest(),
        protocol=protocol(caller, "8.0.0", "12.0.0", "9.0.0"),
    )
    assert type(waiting.phone_call).__name__ == "PhoneCallWaiting"
    ring = await callee.update("PhoneCallRequested")
    assert (ring.admin_id, ring.participant_id, ring.g_a_hash) == (ANNA, BERT, hashlib.sha256(g_a).digest())
    assert ring.access_hash != waiting.phone_call.access_hash
    assert await callee.request("phone.receivedCall", peer=peer(callee, ring)) is True
    assert (await caller.update("PhoneCallWaiting")).receive_date is not None
    accepted = await callee.request(
        "phone.acceptCall", peer=peer(callee, ring), g_b=g_b, protocol=protocol(callee, "8.0.0", "9.0.0")
    )
    assert type(accepted.phone_call).__name__ == "PhoneCallWaiting"
    answer = await caller.update("PhoneCallAccepted")
    assert (answer.g_b, list(answer.protocol.library_versions)) == (g_b, ["9.0.0"])
    ours = pow(int.from_bytes(answer.g_b, "big"), a, DH_PRIME).to_bytes(256, "big")
    fingerprint = int.from_bytes(hashlib.sha1(ours).digest()[-8:], "little", signed=True)
    confirmed = await caller.request(
        "phone.confirmCall",
        peer=peer(caller, answer),
        g_a=g_a,
        key_fingerprint=fingerprint,
        protocol=protocol(caller, "9.0.0"),
    )
    established = await callee.update("PhoneCall")
    theirs = pow(int.from_bytes(established.g_a_or_b, "big"), b, DH_PRIME).to_bytes(256, "big")
    assert ours == theirs
    for phone_call in (confirmed.phone_call, established):
        assert phone_call.key_fingerprint == fingerprint
        assert phone_call.p2p_allowed
        reflector, turn = phone_call.connections
        assert (reflector.port, reflector.peer_tag) == (599, bytes(range(16)))
        assert (turn.port, turn.username, bool(turn.turn), bool(turn.stun)) == (3478, "u", True, False)
    return Exchanged(peer(caller, confirmed.phone_call), peer(callee, established))
