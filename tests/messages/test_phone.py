"""Voice messages from Python: two phones at a rendezvous, as examples/voice_message.py has them, and at Telegram."""

import asyncio
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

import hullo
from hullo.call.events import MessageReceived, MessageSent
from hullo.demo.loopback_telegram.accounts import account_settings
from hullo.lines.direct.private.desk import Change
from hullo.lines.direct.private.opening import create_keys, open_private
from hullo.lines.direct.private.settings import DirectConfig
from hullo.lines.telegram.account.opening import Library
from tests.lines.telegram.account.loopback import ANNA, BERT, DEADLINE, LIBRARIES, loopback
from tests.messages.posting import Office, office
from tests.service.test_message_methods import tone

EXAMPLE = Path(__file__).parents[2] / "examples" / "voice_message.py"


def example() -> ModuleType:
    """The program of examples/."""
    spec = importlib.util.spec_from_file_location("voice_message", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["voice_message"] = module
    spec.loader.exec_module(module)
    return module


def keys(here: Office, folder: Path, name: str, contact: str) -> DirectConfig:
    """Somebody who has a contact."""
    url = f"ws://127.0.0.1:{here.port}/rendezvous"
    config = DirectConfig.model_validate({"enabled": True, "rendezvous": url, "directory": folder / name})
    create_keys(config, name, "laptop")
    with open_private(config) as private:
        private.desk.change(contact, Change.ADD)
    return config


async def test_the_example_sends_what_another_phone_receives(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sound = tone(tmp_path / "tone.wav", 1.0)
    async with office(tmp_path) as here:
        alice, bob = keys(here, tmp_path, "alice", "bob"), keys(here, tmp_path, "bob", "alice")
        async with (
            hullo.Phone(direct=bob, messages=tmp_path / "bobs", speech=None) as theirs,
            hullo.Phone(direct=alice, messages=tmp_path / "alices", speech=None) as ours,
        ):
            events = theirs.events()
            await example().send(ours, "bob", sound)
            event = await anext(events)
            while not isinstance(event, MessageReceived):
                event = await anext(events)
            assert (event.peer, event.transcript) == ("alice", None)
            assert theirs.messages.store.find(event.message_id).metadata is not None
    assert "bob has it: 1.0 s" in capsys.readouterr().out


def test_a_phone_without_a_folder_has_no_messages() -> None:
    with pytest.raises(RuntimeError, match="messages=Path"):
        _ = hullo.Phone().messages


@pytest.mark.parametrize("library", LIBRARIES)
async def test_a_phone_fetches_at_its_next_start_what_came_from_another_data_centre(
    library: Library, tmp_path: Path
) -> None:
    sound = tone(tmp_path / "tone.wav", 1.0)
    async with loopback(centres=(2, 4)) as server:
        server.directory.member(BERT).dc = 4
        anna, bert = (account_settings(server, user, tmp_path, library=library) for user in (ANNA, BERT))
        async with hullo.Phone(telegram=bert, messages=tmp_path / "berts", speech=None):
            pass
        async with hullo.Phone(telegram=anna, messages=tmp_path / "annas", speech=None) as ours:
            events = ours.events()
            await ours.messages.send_file("@bert", sound)
            assert isinstance(await anext(events), MessageSent)
        async with hullo.Phone(telegram=bert, messages=tmp_path / "berts", speech=None) as theirs:
            async with asyncio.timeout(DEADLINE):
                while not (came := [one.metadata for one in theirs.messages.store.messages() if one.metadata]):
                    await asyncio.sleep(0.01)
            assert [(known.peer, round(known.duration)) for known in came] == [("@anna", 1)]
