"""ICE and DTLS-SRTP between two of ours over real sockets."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from hullo.rtc.candidate import IceCandidate
from hullo.rtc.connection import ConnectError, LossCause, RtcConnection
from hullo.rtc.parameters import Consent, DtlsFingerprint, IceOptions, Setup, TransportDescription

DEADLINE = 30.0
RTP = bytes.fromhex("806f0001000003c0deadbeef") + b"opus"
RTCP = bytes.fromhex("80c90001deadbeef")


@asynccontextmanager
async def two(consent: Consent = Consent()) -> AsyncIterator[tuple[RtcConnection, RtcConnection]]:  # noqa: B008
    """A caller and a callee that know each other but have not connected."""
    caller = RtcConnection(controlling=True, setup=Setup.ACTPASS, ice=IceOptions(consent=consent))
    callee = RtcConnection(controlling=False, setup=Setup.ACTIVE, ice=IceOptions(consent=consent))
    try:
        await caller.gather()
        callee.set_remote_description(caller.local_description())
        await callee.gather()
        caller.set_remote_description(callee.local_description())
        yield caller, callee
    finally:
        await asyncio.gather(caller.close(), callee.close())


async def connect(*connections: RtcConnection) -> None:
    async with asyncio.timeout(DEADLINE):
        await asyncio.gather(*(connection.connect() for connection in connections))


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE):
        while not condition():
            await asyncio.sleep(0.005)


async def test_packets_go_both_ways_and_rtcp_is_told_from_rtp() -> None:
    async with two() as (caller, callee):
        await connect(caller, callee)
        rtp: list[bytes] = []
        rtcp: list[bytes] = []
        callee.on_rtp = lambda packet, arrival: rtp.append(packet)
        caller.on_rtcp = lambda packet, arrival: rtcp.append(packet)
        assert caller.send_rtp(RTP)
        assert callee.send_rtcp(RTCP)
        await until(lambda: bool(rtp and rtcp))
        assert (rtp, rtcp) == ([RTP], [RTCP])
        assert callee.last_heard is not None


async def test_the_report_knows_the_stages_and_the_chosen_pair() -> None:
    async with two() as (caller, callee):
        await connect(caller, callee)
        stages = caller.stages()
        assert list(stages) == ["gathered", "ice", "dtls"]
        assert sorted(stages.values()) == list(stages.values())
        chosen = [pair for pair in caller.pairs() if pair.chosen]
        assert [(pair.local, pair.remote, pair.outcome) for pair in chosen] == [("host", "host", "succeeded")]
        await caller.close()
        assert [pair for pair in caller.pairs() if pair.chosen] == chosen


async def test_closing_ends_the_other_side_with_its_cause() -> None:
    async with two() as (caller, callee):
        await connect(caller, callee)
        await caller.close()
        async with asyncio.timeout(DEADLINE):
            assert await callee.lost() is LossCause.CLOSED_BY_PEER
        assert not caller.send_rtp(RTP)


async def test_candidates_trickle_both_ways() -> None:
    caller = RtcConnection(controlling=True, setup=Setup.ACTPASS)
    callee = RtcConnection(controlling=False, setup=Setup.PASSIVE)
    told: list[IceCandidate | None] = []

    def tell_callee(candidate: IceCandidate | None) -> None:
        told.append(candidate)
        callee.add_remote_candidate(candidate)

    try:
        caller.set_remote_description(callee.local_description())
        callee.set_remote_description(caller.local_description())
        caller.on_local_candidate = tell_callee
        callee.on_local_candidate = caller.add_remote_candidate
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(connect(caller, callee))
            await caller.gather(wait=0)
            await callee.gather(wait=0)
        await until(lambda: bool(told) and told[-1] is None)
        assert len(told) >= 2
    finally:
        await asyncio.gather(caller.close(), callee.close())


@pytest.mark.parametrize("lost", [None, "hello", "answer", "finished"])
async def test_the_handshake_goes_by_signaling_while_ice_looks_for_a_path(lost: str | None) -> None:
    caller = RtcConnection(controlling=True, setup=Setup.ACTIVE)
    callee = RtcConnection(controlling=False, setup=Setup.PASSIVE)
    try:
        await caller.gather()
        hello = await caller.next_flight()
        assert hello
        callee.set_remote_description(caller.local_description())
        callee.take_flight(hello if lost != "hello" else ())
        await callee.gather()
        if lost != "hello":
            answer = await callee.next_flight()
            caller.set_remote_description(callee.local_description())
            caller.take_flight(answer if lost != "answer" else ())
            finished = await caller.next_flight()
            callee.take_flight(finished if lost != "finished" else ())
        else:
            caller.set_remote_description(callee.local_description())
        if lost is None:
            async with asyncio.timeout(DEADLINE):
                while "dtls" not in callee.stages():
                    await asyncio.sleep(0.005)
        await connect(caller, callee)
        rtp: list[bytes] = []
        callee.on_rtp = lambda packet, arrival: rtp.append(packet)
        assert caller.send_rtp(RTP)
        await until(lambda: rtp == [RTP])
    finally:
        await asyncio.gather(caller.close(), callee.close())


async def test_rubbish_in_place_of_a_handshake_does_no_harm() -> None:
    async with two() as (caller, callee):
        callee.take_flight((b"", b"\x16rubbish", b"\x80" * 50))
        await connect(caller, callee)


async def test_a_wrong_fingerprint_is_a_clear_error_and_the_peer_is_told() -> None:
    async with two() as (caller, callee):
        description = callee.local_description()
        wrong = DtlsFingerprint("sha-256", ":".join(["00"] * 32))
        caller.set_remote_description(_with_fingerprint(description, wrong))
        results = await asyncio.gather(caller.connect(), callee.connect(), return_exceptions=True)
        error = results[0]
        assert isinstance(error, ConnectError)
        assert error.stage == "dtls"
        assert "certificate" in str(error)
        await caller.close()
        async with asyncio.timeout(DEADLINE):
            assert results[1] is not None or await callee.lost() is LossCause.CLOSED_BY_PEER


async def test_a_peer_without_answer_fails_in_ice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hullo.rtc.adapter.stun.RETRANSMISSIONS", (0.05, 0.05))
    async with two() as (caller, callee):
        await callee.close()
        with pytest.raises(ConnectError) as failure:
            await connect(caller)
        assert failure.value.stage == "ice"


async def test_consent_expires_when_the_peer_is_gone_without_goodbye() -> None:
    async with two(Consent(interval=0.1, expiry=2.0)) as (caller, callee):
        await connect(caller, callee)
        for protocol in callee._agent._protocols:  # its sockets are shut behind its back, so it says no goodbye
            protocol.transport.close()
        async with asyncio.timeout(DEADLINE):
            assert await caller.lost() is LossCause.CONSENT_EXPIRED


async def test_a_check_of_the_path_is_answered() -> None:
    async with two() as (caller, callee):
        await connect(caller, callee)
        answers: list[float] = []
        caller.check_path(answers.append)
        await until(lambda: bool(answers))


async def test_close_is_idempotent_and_works_at_every_stage() -> None:
    fresh = RtcConnection(controlling=True, setup=Setup.ACTPASS)
    await fresh.close()
    await fresh.close()
    gathered = RtcConnection(controlling=True, setup=Setup.ACTPASS)
    await gathered.gather()
    await asyncio.gather(gathered.close(), gathered.close())
    async with two() as (caller, callee):
        connecting = asyncio.gather(caller.connect(), return_exceptions=True)
        await asyncio.sleep(0)
        await callee.close()
        await caller.close()
        async with asyncio.timeout(DEADLINE):
            assert isinstance((await connecting)[0], ConnectError)


async def test_both_roles_open_is_refused() -> None:
    async with two() as (caller, callee):
        description = callee.local_description()
        open_role = TransportDescription(
            ufrag=description.ufrag, pwd=description.pwd, fingerprints=description.fingerprints, setup=Setup.ACTPASS
        )
        with pytest.raises(ValueError, match="DTLS"):
            caller.set_remote_description(open_role)


def _with_fingerprint(description: TransportDescription, wrong: DtlsFingerprint) -> TransportDescription:
    return TransportDescription(
        ufrag=description.ufrag,
        pwd=description.pwd,
        fingerprints=(wrong,),
        setup=description.setup,
        candidates=description.candidates,
        candidates_complete=True,
    )


async def test_a_connection_that_is_given_up_before_it_gathers_binds_nothing() -> None:
    connection = RtcConnection(controlling=True, setup=Setup.ACTPASS)
    await connection.close()
    await connection.gather()
    assert connection.local_description().candidates == ()
