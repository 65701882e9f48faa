import os
import stat
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from hullo.media.pcm import Pcm
from hullo.speech.ports import OnWords, WordTiming, unheard
from hullo.speech.servers.client import VoiceClient, whole
from hullo.speech.speaking.phrases import Phrase, PhraseFolder, PreparedVoice, phrase_key
from tests.speech.support import tone


class CountingVoice:
    """A tone for each sentence."""

    def __init__(self, seconds: float = 1.0) -> None:
        self.said: list[str] = []
        self._seconds = seconds

    async def synthesise(self, text: str, on_words: OnWords = unheard) -> AsyncGenerator[Pcm, None]:
        self.said.append(text)
        on_words([WordTiming(text.split()[0], 0.0)])
        yield tone(self._seconds)

    async def stream(self, pieces: AsyncIterator[str], on_words: OnWords = unheard) -> AsyncGenerator[Pcm, None]:
        raise NotImplementedError
        yield


async def test_what_was_prepared_is_said_without_the_voice_with_its_words(voice: VoiceClient) -> None:
    prepared = PreparedVoice(voice, "espeak", {})
    await prepared.prepare("Hello there. What can I do for you?")
    told: list[WordTiming] = []
    silent = PreparedVoice(CountingVoice(), "espeak", {})
    silent._ready = prepared._ready
    sound = await whole(silent.synthesise("Hello there.", told.extend))
    assert [word.word for word in told] == ["Hello", "there"]
    assert 0.4 < len(sound) / 48_000 < 2.0


async def test_each_sentence_is_made_once_also_over_a_restart(tmp_path: Path) -> None:
    folder = tmp_path / "phrases"
    first, second = CountingVoice(), CountingVoice()
    await PreparedVoice(first, "espeak", {}, PhraseFolder(folder)).prepare("One. Two. One.")
    assert first.said == ["One.", "Two."]
    again = PreparedVoice(second, "espeak", {}, PhraseFolder(folder))
    await again.prepare("One.")
    assert np.array_equal(await whole(again.synthesise("One.")), tone(1.0))
    assert second.said == []
    assert len(await whole(again.synthesise("Three."))) == 48_000
    assert second.said == ["Three."], "what nobody prepared is not kept"
    assert len(list(folder.iterdir())) == 2


async def test_the_folder_is_for_its_owner_only(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "phrases"
    await PreparedVoice(CountingVoice(), "espeak", {}, PhraseFolder(folder)).prepare("One.")
    [file] = folder.iterdir()
    assert [stat.S_IMODE(path.stat().st_mode) for path in (folder, file)] == [0o700, 0o600]
    folder.chmod(0o755)
    voice = CountingVoice()
    await PreparedVoice(voice, "espeak", {}, PhraseFolder(folder)).prepare("Two.")
    assert len(list(folder.iterdir())) == 1
    assert "chmod 700" in caplog.text
    assert "Two" not in caplog.text


async def test_a_broken_file_is_made_again(tmp_path: Path) -> None:
    await PreparedVoice(CountingVoice(), "espeak", {}, PhraseFolder(tmp_path / "p")).prepare("One.")
    [file] = (tmp_path / "p").iterdir()
    file.write_bytes(file.read_bytes()[:100])
    voice = CountingVoice()
    await PreparedVoice(voice, "espeak", {}, PhraseFolder(tmp_path / "p")).prepare("One.")
    assert voice.said == ["One."]
    assert PhraseFolder(tmp_path / "p").get(file.name) is not None


def test_the_oldest_goes_when_there_are_too_many(tmp_path: Path) -> None:
    folder = PhraseFolder(tmp_path / "p", most_bytes=3500)
    for number in range(4):
        folder.put(f"{number}", Phrase(bytes(1000), []))
        os.utime(tmp_path / "p" / f"{number}", (number, number))
    assert folder.get("0") is None
    assert folder.get("3") is not None


async def test_what_is_very_long_is_not_kept(tmp_path: Path) -> None:
    voice = CountingVoice(seconds=31.0)
    prepared = PreparedVoice(voice, "espeak", {}, PhraseFolder(tmp_path / "p"))
    await prepared.prepare("One.")
    assert len(await whole(prepared.synthesise("One."))) == 31 * 48_000
    assert voice.said == ["One.", "One."]


def test_another_voice_makes_another_phrase_and_keys_do_not_matter() -> None:
    key = phrase_key("espeak", {"voice": "a", "key": "secret"}, "Hello.")
    assert key == phrase_key("espeak", {"voice": "a", "key": "other"}, "Hello.")
    assert (
        len({key, phrase_key("espeak", {"voice": "b"}, "Hello."), phrase_key("piper", {"voice": "a"}, "Hello.")}) == 3
    )
