import asyncio
import contextlib
import json
import os
import random
import signal
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
from wyoming.audio import AudioChunk, AudioStop
from wyoming.error import Error

from hullo.media.pcm import Pcm, level_dbfs
from hullo.speech.errors import SpeechError
from hullo.speech.events import (
    Cause,
    HostEvent,
    Interrupted,
    Paused,
    QueueEvent,
    Resumed,
    SpeakFailed,
    Speaking,
    Spoken,
)
from hullo.speech.hosting.supervisor import EngineChoice, HostSupervisor, Patience
from hullo.speech.servers.client import FixedEndpoint, VoiceClient
from hullo.speech.speaking import textstream
from hullo.speech.speaking.queue import SpeechQueue
from hullo.speech.speaking.textstream import StreamState
from tests.speech.servers.test_client import says, sends
from tests.speech.speaking.test_audiofile import write
from tests.speech.support import Script, eventually, server, spoken, tone


class Mouth:
    """A queue in virtual time: `pull` takes frames as the media tick would, only faster."""

    def __init__(self, voice: VoiceClient | None) -> None:
        self.events: list[QueueEvent] = []
        self.now = 1000.0
        self.queue = SpeechQueue(voice, self.events.append, clock=lambda: self.now)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.queue.run())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def tick(self) -> Pcm | None:
        self.now += 0.02
        return self.queue.next_frame(self.now)

    async def pull(self, enough: Callable[[list[Pcm]], object]) -> list[Pcm]:
        """Frames until `enough`; silence while the voice is at work takes no time."""
        frames: list[Pcm] = []
        async with asyncio.timeout(30):
            while not enough(frames):
                if (frame := self.tick()) is not None:
                    frames.append(frame)
                await asyncio.sleep(0 if frame is not None else 0.005)
        return frames

    async def pull_all(self) -> Pcm:
        return np.concatenate([*await self.pull(lambda _: self.queue.idle), np.zeros(0, dtype=np.int16)])

    def kinds(self) -> list[type[QueueEvent]]:
        return [type(event) for event in self.events]


async def test_what_is_said_is_what_the_voice_said(voice: VoiceClient) -> None:
    expected = await spoken(voice, "Where are you located?")
    mouth = Mouth(voice)
    async with mouth.running():
        utterance = mouth.queue.say("Where are you located?")
        sound = await mouth.pull_all()
    begun, ended = mouth.events
    assert isinstance(begun, Speaking)
    assert (begun.utterance_id, begun.text) == (utterance.utterance_id, "Where are you located?")
    assert isinstance(ended, Spoken)
    assert ended.utterance_id == utterance.utterance_id
    assert ended.heard_ms == pytest.approx(len(expected) / 48, abs=40)
    assert len(sound) == pytest.approx(len(expected), abs=1920)
    assert level_dbfs(sound) == pytest.approx(level_dbfs(expected), abs=1.0)
    assert mouth.tick() is None


async def test_several_things_are_said_in_turn_each_with_its_own_end(voice: VoiceClient, tmp_path: Path) -> None:
    path = write(tmp_path / "tone.wav", "pcm_s16le", 16_000, "mono", seconds=0.5)
    mouth = Mouth(voice)
    async with mouth.running():
        ids = [mouth.queue.say("One.").utterance_id]
        ids.append((await mouth.queue.play(path)).utterance_id)
        ids.append(mouth.queue.say("Two.").utterance_id)
        await mouth.pull_all()
    assert mouth.kinds() == [Speaking, Spoken] * 3
    assert [event.utterance_id for event in mouth.events[::2]] == ids
    assert [event.utterance_id for event in mouth.events[1::2]] == ids
    assert isinstance(mouth.events[2], Speaking)
    assert mouth.events[2].text == "tone.wav"


async def test_only_a_few_seconds_are_made_ahead(voice: VoiceClient) -> None:
    mouth = Mouth(voice)
    async with mouth.running():
        mouth.queue.say("This is a sentence of some length. " * 100)
        await mouth.pull(lambda frames: len(frames) > 50)
        for _ in range(200):
            await asyncio.sleep(0.001)
        assert mouth.queue.ahead < 3.5
        mouth.queue.interrupt()


async def test_an_interruption_is_heard_at_once_and_is_total(voice: VoiceClient) -> None:
    mouth = Mouth(voice)
    async with mouth.running():
        first = mouth.queue.say("One two three four five six seven eight nine ten eleven twelve.")
        second = mouth.queue.say("Never said.")
        sent = await mouth.pull(lambda frames: len(frames) == 75)
        await eventually(lambda: mouth.queue.ahead > 0.5)
        report = mouth.queue.interrupt(heard_delay=0.2)
        fade = mouth.tick()
        assert fade is not None
        assert not fade[240:].any()
        jumps = np.abs(np.diff(np.concatenate([sent[-1], fade]).astype(np.int32)))
        assert jumps.max() <= np.abs(np.diff(np.concatenate(sent).astype(np.int32))).max()
        for _ in range(50):
            assert mouth.tick() is None
            await asyncio.sleep(0)
        assert mouth.queue.idle
    assert report.utterance_id == first.utterance_id
    assert report.dropped == (second.utterance_id,)
    assert report.sent_ms == pytest.approx(1500)
    assert report.heard_ms == pytest.approx(1300, abs=20)
    assert first.text.startswith(report.heard_text)
    assert 2 <= len(report.heard_text.split()) <= 6
    stopped, dropped = mouth.events[1:]
    assert isinstance(stopped, Interrupted)
    assert (stopped.heard_ms, stopped.heard_text) == (report.heard_ms, report.heard_text)
    assert isinstance(dropped, Interrupted)
    assert (dropped.utterance_id, dropped.heard_ms, dropped.heard_text) == (second.utterance_id, 0, "")


async def test_after_an_interruption_new_things_are_said_whole(voice: VoiceClient) -> None:
    expected = await spoken(voice, "Something new.")
    mouth = Mouth(voice)
    async with mouth.running():
        mouth.queue.say("This is a sentence of some length. " * 100)
        await mouth.pull(lambda frames: len(frames) == 10)
        await eventually(lambda: mouth.queue.ahead > 0.5)
        mouth.queue.interrupt()
        assert mouth.tick() is not None  # the fade
        mouth.queue.say("Something new.")
        assert len(await mouth.pull_all()) == pytest.approx(len(expected), abs=1920)
    assert mouth.kinds() == [Speaking, Interrupted, Speaking, Spoken]


async def test_an_interruption_of_nothing_does_nothing(voice: VoiceClient) -> None:
    mouth = Mouth(voice)
    assert mouth.queue.interrupt().utterance_id is None
    assert mouth.tick() is None
    assert mouth.events == []


async def test_who_is_told_of_the_beginning_may_interrupt(voice: VoiceClient) -> None:
    mouth = Mouth(voice)

    def on_event(event: QueueEvent) -> None:
        mouth.events.append(event)
        if isinstance(event, Speaking):
            mouth.queue.interrupt()

    mouth.queue = SpeechQueue(voice, on_event, clock=lambda: mouth.now)
    async with mouth.running():
        mouth.queue.say("Hello there.")
        await eventually(lambda: mouth.queue.ahead > 0.5)
        await mouth.pull(lambda frames: len(frames) == 1)
        assert mouth.tick() is not None  # the fade
        assert mouth.tick() is None
    assert mouth.kinds() == [Speaking, Interrupted]


async def test_an_interruption_does_not_wait_for_a_voice_that_hangs(tmp_path: Path) -> None:
    async with server(tmp_path, says()) as uri:
        mouth = Mouth(VoiceClient(FixedEndpoint(uri), timeout=30))
        async with mouth.running():
            mouth.queue.say("Hello?")
            await asyncio.sleep(0.05)
            assert mouth.queue.interrupt().heard_ms == 0
            assert mouth.queue.idle
    assert mouth.kinds() == [Interrupted]


async def test_nothing_to_say_no_voice_and_too_much_are_refused(voice: VoiceClient, tmp_path: Path) -> None:
    mouth = Mouth(voice)
    for text in ("", " \n"):
        with pytest.raises(SpeechError, match="text is empty"):
            mouth.queue.say(text)
    with pytest.raises(SpeechError, match="there is no such file"):
        await mouth.queue.play(tmp_path / "missing.wav")
    for _ in range(64):
        mouth.queue.say("More.")
    with pytest.raises(SpeechError, match="64 utterances wait already"):
        mouth.queue.say("More.")
    with pytest.raises(SpeechError, match="without a voice"):
        Mouth(None).queue.say("Hello")
    assert mouth.events == []


async def test_without_a_voice_files_can_be_played(tmp_path: Path) -> None:
    path = write(tmp_path / "tone.wav", "pcm_s16le", 16_000, "mono", seconds=0.5)
    mouth = Mouth(None)
    async with mouth.running():
        await mouth.queue.play(path)
        assert level_dbfs(await mouth.pull_all()) == pytest.approx(-20, abs=0.5)


async def test_a_file_that_breaks_off_is_played_so_far_and_then_failed(tmp_path: Path) -> None:
    path = write(tmp_path / "tone.wav", "pcm_s16le", 16_000, "mono", seconds=0.5)
    mouth = Mouth(None)
    await mouth.queue.play(path)
    path.unlink()
    async with mouth.running():
        await mouth.pull_all()
    (failed,) = mouth.events
    assert isinstance(failed, SpeakFailed)
    assert "there is no such file" in failed.detail


async def test_a_voice_that_refuses_fails_that_utterance_and_the_queue_goes_on(tmp_path: Path) -> None:
    async with server(tmp_path, says(Error(text="I have a cold"))) as uri:
        mouth = Mouth(VoiceClient(FixedEndpoint(uri), timeout=30))
        async with mouth.running():
            mouth.queue.say("One.")
            mouth.queue.say("Two.")
            await mouth.pull_all()
    assert mouth.kinds() == [SpeakFailed, SpeakFailed]
    assert all(isinstance(event, SpeakFailed) and "I have a cold" in event.detail for event in mouth.events)


def breaks_off_once(sound: Pcm, after: int) -> tuple[Script, list[int]]:
    """A voice whose first answer breaks off `after` samples; the list counts its connections."""
    connections: list[int] = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(1)
        part = sound[:after] if len(connections) == 1 else sound
        messages = [AudioChunk(rate=48_000, width=2, channels=1, audio=part.tobytes())]
        if len(connections) == 1:
            event = messages[0].event()
            header = {"type": event.type, "data": event.data, "payload_length": len(part) * 2}
            await sends(json.dumps(header).encode() + b"\n" + part.tobytes())(reader, writer)
        else:
            await says(*messages, AudioStop())(reader, writer)

    return script, connections


async def test_a_voice_that_dies_in_mid_sentence_goes_on_where_it_broke_off(tmp_path: Path) -> None:
    sound = tone(2.0)
    script, connections = breaks_off_once(sound, 30_000)
    async with server(tmp_path, script) as uri:
        mouth = Mouth(VoiceClient(FixedEndpoint(uri), timeout=30))
        async with mouth.running():
            mouth.queue.say("Aaaa")
            heard = await mouth.pull_all()
    assert np.array_equal(heard, sound)
    assert len(connections) == 2
    assert mouth.kinds() == [Speaking, Spoken]


async def test_a_voice_that_always_dies_fails_after_one_more_try(tmp_path: Path) -> None:
    async with server(tmp_path, sends(b"")) as uri:
        mouth = Mouth(VoiceClient(FixedEndpoint(uri), timeout=30))
        async with mouth.running():
            mouth.queue.say("Hello")
            await mouth.pull_all()
    (failed,) = mouth.events
    assert isinstance(failed, SpeakFailed)
    assert "closed the connection" in failed.detail


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
async def test_a_host_that_dies_or_hangs_in_mid_sentence_is_replaced_and_the_sentence_completed(
    number: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    events: list[HostEvent] = []
    host = HostSupervisor(
        "voice", EngineChoice("espeak"), events.append, Patience(ping_every=0.2, ping=2.0, restart=60)
    )
    supervision = asyncio.create_task(host.run())
    await host.started()
    mouth = Mouth(VoiceClient(host, timeout=60))
    text = "This is a sentence of some length. " * 60
    expected = await spoken(VoiceClient(host, timeout=60), text)
    async with mouth.running():
        mouth.queue.say(text)
        await mouth.pull(lambda frames: len(frames) == 50)
        assert host.pid is not None
        os.kill(host.pid, number)
        frames = await mouth.pull(lambda _: mouth.queue.idle)
    supervision.cancel()
    await asyncio.wait([supervision])
    assert len(events) == 3
    assert mouth.kinds() == [Speaking, Spoken]
    assert (len(frames) + 50) * 960 == pytest.approx(len(expected), rel=0.02)


async def test_a_voice_that_sends_garbage_fails_that_utterance_only(tmp_path: Path) -> None:
    async with server(tmp_path, sends(random.Random(3).randbytes(1000) + b"\n")) as uri:
        mouth = Mouth(VoiceClient(FixedEndpoint(uri), timeout=30))
        async with mouth.running():
            mouth.queue.say("Hello")
            await eventually(lambda: mouth.tick() is None and mouth.queue.idle)
    assert mouth.kinds() == [SpeakFailed]


async def test_a_stream_is_spoken_while_the_rest_is_still_coming(voice: VoiceClient) -> None:
    mouth = Mouth(voice)
    async with mouth.running():
        utterance = mouth.queue.open("answer")
        for piece in ("The first", " sentence is here", ". The sec"):
            assert mouth.queue.append("answer", piece).accepted
        await mouth.pull(lambda frames: len(frames) > 20)
        assert mouth.kinds() == [Speaking]
        for number in range(18):
            mouth.queue.append("answer", f"ond one, and {number} more. And anoth")
        appended = mouth.queue.append("answer", "er one.", end=True)
        assert (appended.accepted, appended.state) == (True, StreamState.ENDED)
        await mouth.pull_all()
    ended = mouth.events[-1]
    assert isinstance(ended, Spoken)
    assert ended.utterance_id == utterance.utterance_id == appended.utterance_id
    assert ended.text.startswith("The first sentence is here. The second one, and 0 more.")
    assert ended.text.endswith("And another one.")
    assert mouth.kinds() == [Speaking, Spoken]
    assert not mouth.queue.append("answer", "Late.").accepted


async def test_a_sentence_at_the_end_of_what_came_is_spoken_when_nothing_follows(voice: VoiceClient) -> None:
    mouth = Mouth(voice)
    async with mouth.running():
        mouth.queue.open("answer")
        mouth.queue.append("answer", "Let me see.")
        await mouth.pull(lambda _: mouth.events)
        mouth.queue.append("answer", " It is three", end=True)
        await mouth.pull_all()
    assert mouth.kinds() == [Speaking, Spoken]


async def test_a_flush_is_total_and_what_comes_late_is_refused(voice: VoiceClient) -> None:
    mouth = Mouth(voice)
    async with mouth.running():
        mouth.queue.open("old")
        mouth.queue.append("old", "One sentence of the old answer. Another one of it. And the beginning of")
        await mouth.pull(lambda frames: len(frames) > 20)
        mouth.queue.interrupt()
        mouth.queue.append("old", " the third. And a fourth.")
        late = mouth.queue.append("old", "And the last.", end=True)
        assert (late.accepted, late.state) == (False, StreamState.INTERRUPTED)
        assert mouth.tick() is not None  # the fade
        for _ in range(50):
            assert mouth.tick() is None
            await asyncio.sleep(0.002)
        mouth.queue.open("new")
        mouth.queue.append("new", "Short.", end=True)
        assert len(await mouth.pull_all()) == pytest.approx(len(await spoken(voice, "Short.")), abs=1920)
    assert mouth.kinds() == [Speaking, Interrupted, Speaking, Spoken]


async def test_a_stream_that_nobody_ends_fails_and_lets_others_speak(
    voice: VoiceClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(textstream, "IDLE_SECONDS", 0.1)
    mouth = Mouth(voice)
    async with mouth.running():
        mouth.queue.open("forgotten")
        mouth.queue.append("forgotten", "One sentence. And half of")
        mouth.queue.say("Something else.")
        await mouth.pull_all()
    assert mouth.kinds() == [Speaking, SpeakFailed, Speaking, Spoken]
    failed = mouth.events[1]
    assert isinstance(failed, SpeakFailed)
    assert "tell the end of a stream" in failed.detail
    assert failed.heard_text == "One sentence. And half of"
    assert mouth.queue.append("forgotten", "it.").state is StreamState.TIMED_OUT


async def test_streams_have_names_and_bounds(voice: VoiceClient) -> None:
    mouth = Mouth(voice)
    with pytest.raises(SpeechError, match="there is no stream 'a'"):
        mouth.queue.append("a", "text")
    mouth.queue.open("a")
    with pytest.raises(SpeechError, match="open already"):
        mouth.queue.open("a")
    mouth.queue.append("a", "x" * 100_000)
    with pytest.raises(SpeechError, match="at most 100000 letters"):
        mouth.queue.append("a", "x")
    mouth.queue.append("a", "", end=True)
    assert mouth.queue.open("a").utterance_id != mouth.queue.append("a", "").state


async def test_a_pause_is_silent_and_goes_on_at_a_word(voice: VoiceClient) -> None:
    text = "One two three four five six seven eight nine ten."
    whole = await spoken(voice, text)
    mouth = Mouth(voice)
    async with mouth.running():
        mouth.queue.say(text)
        before = await mouth.pull(lambda frames: len(frames) == 60)
        await eventually(lambda: mouth.queue.ahead > 0.5)
        mouth.queue.pause()
        assert not mouth.queue.sounding
        assert mouth.tick() is not None  # the fade
        for _ in range(20):
            assert mouth.tick() is None
        mouth.queue.resume()
        after = await mouth.pull_all()
    assert mouth.kinds() == [Speaking, Paused, Resumed, Spoken]
    resumed = mouth.events[2]
    assert isinstance(resumed, Resumed)
    assert resumed.paused_ms == pytest.approx(420)
    assert 0 < resumed.rewound_ms < 800
    assert len(before) * 960 + len(after) - resumed.rewound_ms * 48 == pytest.approx(len(whole), abs=1920)
    assert text.startswith(resumed.heard_text)


async def test_going_back_to_the_first_word_is_no_second_beginning(voice: VoiceClient) -> None:
    mouth = Mouth(voice)
    async with mouth.running():
        mouth.queue.say("Unbelievably long words come first.")
        await mouth.pull(lambda frames: len(frames) == 5)
        mouth.queue.pause()
        assert mouth.tick() is not None  # the fade
        mouth.queue.resume()
        assert mouth.queue.sounding
        await mouth.pull_all()
    assert mouth.kinds() == [Speaking, Paused, Resumed, Spoken]
    assert isinstance(mouth.events[2], Resumed)
    assert mouth.events[2].heard_text == ""


async def test_an_interruption_in_a_pause_is_total(voice: VoiceClient) -> None:
    mouth = Mouth(voice)
    async with mouth.running():
        mouth.queue.say("One two three four five six seven eight nine ten.")
        await mouth.pull(lambda frames: len(frames) == 30)
        mouth.queue.pause()
        assert mouth.tick() is not None  # the fade
        assert mouth.tick() is None
        mouth.queue.interrupt(cause=Cause.SPEECH)
        assert mouth.tick() is None
        mouth.queue.resume()
        assert mouth.tick() is None
    assert mouth.kinds() == [Speaking, Paused, Interrupted]
    assert isinstance(mouth.events[2], Interrupted)
    assert mouth.events[2].cause is Cause.SPEECH
