"""A phone in a Python program is to its callers what a daemon is."""

import asyncio

import pytest

import hullo
from tests.lines.test_browser_http import ask
from tests.situations.two_phones import listening, seen

DEADLINE = 30.0
HERE = ("127.0.0.1", 0)
TOKEN = "correct horse"
STUN = hullo.IceServer("stun:127.0.0.1:9")


async def test_who_has_the_token_may_call_and_nobody_else() -> None:
    async with (
        asyncio.timeout(DEADLINE),
        hullo.Phone(listen=HERE, token=TOKEN, speech=None) as called,
        hullo.Phone(speech=None) as stranger,
    ):
        to = await listening(called)
        refused = await stranger.dial(to).wait_ended()
        assert "token" in refused.ending.detail
        async with hullo.Phone(dial_tokens={to.removesuffix("/call"): TOKEN}, speech=None) as friend:
            await seen(friend.dial(to).events(), hullo.Connected)


@pytest.mark.parametrize(("others", "link"), [(None, '<stun:127.0.0.1:9>; rel="ice-server"'), ([], None)])
async def test_callers_are_told_the_servers_of_ice_unless_others_are_given(
    others: list[hullo.IceServer] | None, link: str | None
) -> None:
    ice = hullo.IceOptions((STUN,))
    async with (
        asyncio.timeout(DEADLINE),
        hullo.Phone(listen=HERE, token=TOKEN, ice=ice, page_servers=others, speech=None) as phone,
    ):
        authorized = {"Authorization": f"Bearer {TOKEN}"}
        _, headers, _ = await ask("OPTIONS", await listening(phone), headers=authorized)
        assert headers.get("Link") == link
