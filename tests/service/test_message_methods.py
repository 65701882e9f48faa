"""Voice messages as a gateway has them: two daemons' worth of it, over sockets, and a rendezvous between them."""

import contextlib
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from hullo.call.message_news import tell
from hullo.call.switchboard import Switchboard
from hullo.lines.direct.channel import Device
from hullo.messages.messenger import Messenger
from hullo.service.errors import ErrorCode
from hullo.service.rpc import INVALID_PARAMS
from hullo.speech.service import SpeechService
from tests.lines.direct.samples import ALICE, BOB
from tests.messages.posting import Office, office
from tests.service.socket_client import SocketClient, running


@contextlib.asynccontextmanager
async def gateway(
    here: Office, own: Device, contact: str, speech: SpeechService | None = None
) -> AsyncIterator[SocketClient]:
    """The socket of somebody's daemon."""
    boards: list[Switchboard] = []
    async with here.messenger(own, contact, lambda event: tell(boards[0], event), speech) as messenger:

        def messages(board: Switchboard) -> Messenger:
            boards.append(board)
            return messenger

        async with (
            running(speech=speech, messages=messages) as server,
            await SocketClient.connect(server.path) as client,
        ):
            yield client


def same(one: str, other: str) -> bool:
    """Whether two files hold the same."""
    return Path(one).read_bytes() == Path(other).read_bytes()


def tone(path: Path, seconds: float) -> Path:
    """A sound file."""
    samples = (8000 * np.sin(np.arange(round(seconds * 16_000)) * 0.2)).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(samples.tobytes())
    return path


async def test_a_file_is_sent_comes_and_is_heard(tmp_path: Path) -> None:
    async with (
        office(tmp_path) as here,
        gateway(here, BOB, "alice") as bob,
        gateway(here, ALICE, "bob") as alice,
    ):
        sent = await alice.result("message.send", {"to": "bob", "path": str(tone(tmp_path / "tone.wav", 1.5))})
        assert (sent["direction"], sent["peer"], sent["delivery"]) == ("sent", "bob", "sending")
        came = await bob.until("message.received")
        assert (came["line"], came["peer"], came["transcript"], came["call_id"]) == ("direct", "alice", None, "")
        assert came["message"]["duration"] == pytest.approx(1.5)
        assert came["message"]["waveform"] == sent["waveform"]
        assert same(came["message"]["path"], sent["path"])
        delivered = await alice.until("message.delivered")
        assert delivered["message_id"] == sent["message_id"]
        new = await bob.result("message.list", {"unheard": True})
        assert [message["message_id"] for message in new] == [came["message_id"]]
        heard = await bob.result("message.mark_heard", {"message_id": came["message_id"][:6]})
        assert heard["heard"]
        assert (await alice.until("message.heard"))["message"]["delivery"] == "heard"
        assert await bob.result("message.list", {"unheard": True}) == []
        for direction, count in (("sent", 1), ("received", 0), (None, 1)):
            assert len(await alice.result("message.list", {"direction": direction})) == count
        deleted = await alice.result("message.delete", {"message_id": sent["message_id"]})
        assert deleted == {"message_id": sent["message_id"]}
        assert await alice.result("message.list") == []


async def test_a_text_is_spoken_here_and_read_there(tmp_path: Path) -> None:
    async with (
        SpeechService() as speech,
        office(tmp_path) as here,
        gateway(here, BOB, "alice", speech) as bob,
        gateway(here, ALICE, "bob", speech) as alice,
    ):
        text = "Hello there, please call me back tomorrow."
        sent = await alice.result("message.send", {"to": "direct:bob", "text": text})
        assert (sent["transcript"], sent["peer"]) == (text, "bob")
        came = await bob.until("message.received")
        assert "call" in came["transcript"]
        assert came["message"]["transcript"] == came["transcript"]
        passed_on = await bob.result("message.send", {"to": "alice", "message_id": came["message_id"]})
        assert passed_on["message_id"] != came["message_id"]
        assert (await alice.until("message.received"))["peer"] == "bob"


async def test_what_can_not_be_sent_is_one_clear_error(tmp_path: Path) -> None:
    async with office(tmp_path) as here, gateway(here, ALICE, "bob") as alice:
        sound = str(tone(tmp_path / "tone.wav", 0.5))
        empty = tmp_path / "empty.ogg"
        empty.touch()
        for params, words in (
            ({"to": "bob"}, "one of path, text and message_id"),
            ({"to": "bob", "path": sound, "text": "x"}, "one of path, text and message_id"),
            ({"to": "bob", "path": "tone.wav"}, "not an absolute path"),
        ):
            error = await alice.error("message.send", params)
            assert error["code"] == INVALID_PARAMS
            assert words in error["message"]
        for params, words in (
            (
                {"to": "+4912345", "path": sound},
                "no line carries messages to '+4912345': is it a contact?",
            ),
            ({"to": "bob", "path": sound, "line": "telegram"}, "no line carries"),
            ({"to": "bob", "path": str(tmp_path / "none.wav")}, "no such file"),
            ({"to": "bob", "path": str(empty)}, "it is empty"),
            ({"to": "bob", "path": str(tone(tmp_path / "long.wav", 301.0))}, "longer than the 300 s"),
            ({"to": "bob", "message_id": "abc"}, "no message begins with 'abc'"),
        ):
            error = await alice.error("message.send", params)
            assert error["code"] == ErrorCode.MESSAGE_FAILED
            assert words in error["message"]
        assert (await alice.error("message.send", {"to": "bob", "text": "x"}))["code"] == ErrorCode.SPEECH_FAILED
        assert await alice.result("message.list") == []
        sent = await alice.result("message.send", {"to": "direct:carol", "path": sound})
        failed = await alice.until("message.failed")
        assert (failed["message_id"], failed["direction"], failed["peer"]) == (sent["message_id"], "sent", "carol")
        assert "not among your contacts" in failed["detail"]
        assert (await alice.result("message.list"))[0]["problem"] == failed["detail"]


async def test_without_messages_it_says_so() -> None:
    async with running() as server, await SocketClient.connect(server.path) as client:
        assert (await client.error("message.list"))["code"] == ErrorCode.NO_MESSAGES
