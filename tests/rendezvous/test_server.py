"""Connections of a node over real sockets."""

import asyncio

import aiohttp

from hullo.lines.direct.private.identity import Identity
from hullo.rendezvous.local_store import LocalStore
from hullo.rendezvous.node import Node
from hullo.rendezvous.server import MAX_UNREAD, RendezvousServer
from hullo.rendezvous.wire import Challenge, Envelope, Hello, Welcome, encode, parse_server, signed_by_hello
from tests.lines.direct.memory_channel import DEADLINE
from tests.lines.direct.rendezvous import address
from tests.rtc.test_connection import until


async def test_who_reads_too_slowly_is_disconnected_rather_than_left_in_the_belief_to_be_there() -> None:
    node = Node(LocalStore())
    async with (
        asyncio.timeout(DEADLINE),
        RendezvousServer(node).serve("127.0.0.1", 0) as port,
        aiohttp.ClientSession() as session,
        session.ws_connect(address(port), max_msg_size=0) as socket,
    ):
        await say_hello(socket, f"127.0.0.1:{port}")
        connection = node._online["bob", "phone"]
        told = 0
        while node._tell(connection, Envelope("alice", "phone", bytes(40_000), 0.0)):
            told += 1
        assert told <= MAX_UNREAD
        await until(lambda: node.online == 0)
        while (await socket.receive()).type is aiohttp.WSMsgType.BINARY:
            pass
        assert socket.closed


async def say_hello(socket: aiohttp.ClientWebSocketResponse, host: str) -> None:
    """As Bob's phone."""
    challenge = parse_server(await socket.receive_bytes())
    assert isinstance(challenge, Challenge)
    bob = Identity.new()
    signature = bob.sign(signed_by_hello(challenge.nonce, host, "bob", "phone"))
    await socket.send_bytes(encode(Hello("bob", "phone", bob.public, signature)))
    assert isinstance(parse_server(await socket.receive_bytes()), Welcome)
