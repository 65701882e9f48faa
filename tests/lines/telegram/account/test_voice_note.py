"""A voice note through either library is what Telethon itself would have sent, byte for byte."""

import importlib
import io
import random
from pathlib import Path
from typing import Any

import pytest

from hullo.demo.loopback_telegram.files import SentDocument
from hullo.demo.loopback_telegram.server import LoopbackTelegram
from hullo.lines.telegram import port
from hullo.lines.telegram.account.opening import Library
from hullo.lines.telegram.account.voice_note import LARGEST, PART, VoiceNote
from hullo.messages.recorder import VoiceMessageRecorder
from tests.demo.loopback_telegram.clients import TelethonClient, client_of, server_key
from tests.lines.telegram.account.loopback import ANNA, BERT, LIBRARIES, logged_in, loopback, running
from tests.messages.sounds import sweep

both = pytest.mark.parametrize("library", LIBRARIES)


def recorded(path: Path) -> tuple[VoiceNote, list[int]]:
    """A note, and the levels of its waveform."""
    recorder = VoiceMessageRecorder(path)
    recorder.write(sweep(2.6))
    metadata = recorder.stop()
    note = VoiceNote(sound=path.read_bytes(), duration=metadata.duration, waveform=metadata.waveform)
    return note, metadata.levels[:100]


async def sent(library: Library, note: VoiceNote, folder: Path) -> SentDocument:
    async with loopback() as server, running(server, library, logged_in(server, ANNA, folder)) as anna:
        to = await anna.account.resolve("@bert")
        assert await anna.account.send_voice_note(to, note) == 1
        [document] = server.world.files.sent
        return document


async def sent_by_telethon(note: VoiceNote, levels: list[int]) -> SentDocument:
    """By its own `send_file`, with the waveform of its own encoder."""
    telethon: Any = importlib.import_module("telethon")
    async with LoopbackTelegram(key=server_key()) as server:
        server.add_member(ANNA, "Anna")
        server.add_member(BERT, "Bert")
        async with client_of(server, "ConnectionTcpFull") as client:
            assert isinstance(client, TelethonClient)
            await client.log_in("+99966 01001", None)
            attribute = telethon.types.DocumentAttributeAudio(
                duration=3, voice=True, waveform=telethon.utils.encode_waveform(bytes(levels))
            )
            file = io.BytesIO(note.sound)
            file.name = "voice.ogg"
            await client.client.send_file("bert", file, voice_note=True, attributes=[attribute])
        [document] = server.world.files.sent
        return document


@both
async def test_it_is_what_telethon_sends_byte_for_byte(library: Library, tmp_path: Path) -> None:
    note, levels = recorded(tmp_path / "note.ogg")
    ours = await sent(library, note, tmp_path)
    theirs = await sent_by_telethon(note, levels)
    assert (ours.sender, ours.recipient) == (theirs.sender, theirs.recipient) == (ANNA, BERT)
    assert ours.data == theirs.data == note.sound
    assert ours.mime_type == theirs.mime_type == "audio/ogg"
    [audio] = ours.attributes
    assert audio.write() in [attribute.write() for attribute in theirs.attributes]
    assert (audio.voice, audio.duration, audio.waveform) == (True, 3, note.waveform)


@both
async def test_a_long_note_goes_in_parts(library: Library, tmp_path: Path) -> None:
    note = VoiceNote(sound=random.Random(3).randbytes(2 * PART + 77), duration=0.2, waveform=bytes(63))
    document = await sent(library, note, tmp_path)
    assert document.data == note.sound
    assert document.attributes[0].duration == 1


async def test_what_the_server_refuses_is_told_by_its_name(tmp_path: Path) -> None:
    note = VoiceNote(sound=b"x", duration=1.0, waveform=bytes(63))
    async with loopback() as server, running(server, "kurigram", logged_in(server, ANNA, tmp_path)) as anna:
        nobody = port.User(id=BERT, access_hash=1)
        with pytest.raises(port.TelegramError, match="USER_ID_INVALID"):
            await anna.account.send_voice_note(nobody, note)
        for sound in (b"", bytes(LARGEST + 1)):
            with pytest.raises(ValueError, match="can be sent"):
                await anna.account.send_voice_note(nobody, VoiceNote(sound=sound, duration=1.0, waveform=b""))
        assert server.world.files.sent == []
