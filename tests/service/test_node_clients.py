"""JSON-RPC clients in Node.js that nobody adapted to hullo drive real calls."""

import pytest

from hullo.service.errors import ErrorCode
from hullo.service.rpc import METHOD_NOT_FOUND
from hullo.speech.service import SpeechService
from tests.service.node_programs import FOLDER, install_packages, run_node
from tests.service.socket_client import running


@pytest.fixture(scope="module", autouse=True)
def _packages() -> None:
    install_packages()


async def test_json_rpc_2_0_over_net_drives_a_call() -> None:
    async with SpeechService() as speech, running(speech=speech) as server:
        told = await run_node(FOLDER / "json_rpc_2_0.mjs", str(server.path), "loop:ann")
        assert server.line.legs[0].frames_sent > 20
    assert told["started"]["status"] == "dialing"
    assert told["happened"] == ["call.ringing", "call.connected", "call.speaking", "call.spoken", "call.ended"]
    assert told["heard"] == "Hello from Node."
    assert told["refused"] == [METHOD_NOT_FOUND, "did you mean call.speak?"]
    assert told["reason"] == "hangup-bot"
    assert told["duration"] > 0


async def test_vscode_jsonrpc_drives_a_call() -> None:
    async with running() as server:
        told = await run_node(FOLDER / "vscode_jsonrpc.mjs", str(server.path), "loop:ann")
    assert told["happened"] == ["call.ringing", "call.connected", "call.ended"]
    assert told["refused"] == [ErrorCode.UNKNOWN_CALL, "unknown-call"]
    assert told["reason"] == "hangup-bot"


async def test_a_client_with_length_prefixes_drives_a_call() -> None:
    async with running() as server:
        told = await run_node(FOLDER / "length_prefix.mjs", str(server.path), "loop:ann")
    assert told["happened"] == ["call.ringing", "call.connected", "call.ended"]
    assert told["reason"] == "hangup-bot"
