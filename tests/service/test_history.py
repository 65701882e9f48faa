"""Calls that ended, as `history.list` shows them, through a server on a real socket; and what outlives the daemon."""

from pathlib import Path
from typing import Any

import pytest

from hullo.lines.direct import endings
from hullo.lines.direct.private.vault import Vault
from hullo.lines.line import Ending
from hullo.service.history import CallHistory, PastCall
from tests.service.socket_client import Running, SocketClient, running


def past(number: int) -> PastCall:
    return PastCall(
        call_id=str(number),
        line="loopback",
        peer="ann",
        direction="incoming",
        at=1e9,
        duration=1.0,
        reason="hangup-user",
        detail="the peer hung up",
        verified=None,
        missed=False,
    )


async def rings(service: Running, client: SocketClient, withdrawn: Ending | None = None) -> str:
    """Let somebody call, and perhaps give up; the call's id."""
    await client.result("health")  # it is served now, and told of events
    offer = service.line.ring("ann")
    call_id = str((await client.until("call.incoming"))["call_id"])
    if withdrawn is not None:
        offer.withdraw(withdrawn)
        await client.until("call.ended")
    return call_id


async def history(client: SocketClient) -> list[dict[str, Any]]:
    calls = await client.result("history.list")
    assert isinstance(calls, list)
    return calls


async def test_calls_that_ended_are_listed_with_who_and_why_and_can_be_forgotten() -> None:
    async with running(history=CallHistory(10)) as service, await SocketClient.connect(service.path) as client:
        started = await client.result("call.start", {"to": "loop:bob"})
        await client.until("call.connected")
        assert await history(client) == []
        await client.result("call.hangup")
        await client.until("call.ended")
        (call,) = await history(client)
        assert (call["call_id"], call["peer"], call["direction"]) == (started["call_id"], "loop:bob", "outgoing")
        assert (call["reason"], call["detail"], call["missed"]) == ("hangup-bot", "we hung up", False)
        assert call["duration"] > 0
        assert await client.result("history.clear") == []
        assert await history(client) == []


@pytest.mark.parametrize(
    ("ending", "missed"),
    [
        (endings.CALLER_GAVE_UP, True),
        (endings.ANSWERED_ELSEWHERE, False),
        (endings.hung_up_ringing("declined"), False),
        (endings.CALLED_AGAIN, False),
    ],
)
async def test_a_call_is_missed_when_nobody_took_it_anywhere(ending: Ending, missed: bool) -> None:
    async with running(history=CallHistory(10)) as service, await SocketClient.connect(service.path) as client:
        await rings(service, client, ending)
        assert [call["missed"] for call in await history(client)] == [missed]


async def test_a_call_that_we_declined_is_not_missed() -> None:
    async with running(history=CallHistory(10)) as service, await SocketClient.connect(service.path) as client:
        await client.result("call.reject", {"call_id": await rings(service, client)})
        await client.until("call.ended")
        assert [(call["missed"], call["reason"]) for call in await history(client)] == [(False, "declined")]


def test_it_is_bounded_and_outlives_the_daemon_in_the_vault(tmp_path: Path) -> None:
    with Vault(tmp_path / "vault") as vault:
        kept = CallHistory(3, vault)
        for number in range(5):
            kept.append(past(number))
    with Vault(tmp_path / "vault") as vault:
        assert [call.call_id for call in list(CallHistory(3, vault))] == ["2", "3", "4"]
        assert [call.call_id for call in list(CallHistory(2, vault))] == ["3", "4"]
        assert b"ann" not in (tmp_path / "vault" / "history").read_bytes()
        CallHistory(3, vault).clear()
        assert list(CallHistory(3, vault)) == []


def test_a_history_of_another_version_is_begun_anew(tmp_path: Path) -> None:
    with Vault(tmp_path / "vault") as vault:
        vault.write("history", b"\x93")
        assert list(CallHistory(3, vault)) == []
