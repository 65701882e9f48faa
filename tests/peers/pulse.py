"""A PulseAudio of our own with virtual devices: what is played into a microphone, what comes out of a speaker."""

import asyncio
import contextlib
import shutil
import signal
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from hullo.media.pcm import SAMPLE_RATE, Pcm

_FORMAT = ("--raw", "--format=s16le", f"--rate={SAMPLE_RATE}", "--channels=1", "--latency-msec=40")
_DEADLINE = 30.0


@dataclass
class Piece:
    """What a speaker played, and when that became known."""

    at: float
    pcm: Pcm


class Recording:
    """What came out of a speaker so far."""

    def __init__(self) -> None:
        self.pieces: list[Piece] = []

    def since(self, at: float) -> Pcm:
        """The sound of which we know since that time."""
        return np.concatenate([piece.pcm for piece in self.pieces if piece.at >= at] or [np.zeros(0, np.int16)])

    async def loud(self, after: float, dbfs: float = -40.0) -> float:
        """Wait until there is sound above that level for 0.1 s in a row; when it began."""
        async with asyncio.timeout(_DEADLINE):
            while True:
                run = [piece for piece in self.pieces if piece.at >= after]
                for piece, later in zip(run, run[10:], strict=False):
                    heard = np.concatenate([one.pcm for one in run if piece.at <= one.at <= later.at])
                    if 20 * np.log10(np.sqrt(np.mean(heard.astype(float) ** 2)) / 32768 + 1e-9) > dbfs:
                        return piece.at
                await asyncio.sleep(0.02)


class PulseAudio:
    """One server. A microphone NAME hears what is played into the sink `NAME_in`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.address = f"unix:{directory}/native"
        self._process: Process | None = None

    async def start(self) -> None:
        """Start it, without any device."""
        script = self._directory / "pulse.pa"
        script.write_text(f"load-module module-native-protocol-unix socket={self._directory}/native auth-anonymous=1\n")
        self._process = await asyncio.create_subprocess_exec(
            "pulseaudio", "-n", "-F", str(script), "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no",
            "--log-level=error", env=self._environment(), stdout=DEVNULL, stderr=DEVNULL,
        )  # fmt: skip
        async with asyncio.timeout(_DEADLINE):
            while await self._run("pactl", "info", check=False) is None:
                await asyncio.sleep(0.05)

    async def kill(self) -> None:
        """End it as a crash would."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
            (self._directory / "native").unlink(missing_ok=True)

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        """Have it hang until the end of the block."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    async def add_microphone(self, name: str) -> int:
        """Plug one in; its number for `remove`."""
        if f"{name}_in" not in (await self.control("list", "short", "sinks")):
            await self._add_sink(f"{name}_in")
        return int(
            await self.control(
                "load-module", "module-remap-source", f"source_name={name}", f"master={name}_in.monitor",
                f"source_properties=device.description={name}",
            )
        )  # fmt: skip

    async def add_speaker(self, name: str) -> int:
        """Plug one in; its number for `remove`."""
        return await self._add_sink(name)

    async def add_card(self) -> None:
        """Plug in one card `card`: the microphone `mic` hears its left channel, the speaker `spk` is its right one."""
        await self._add_sink("card", "channels=2", "channel_map=front-left,front-right")
        for name, channel in (("mic_in", "front-left"), ("spk", "front-right")):
            await self.control(
                "load-module", "module-remap-sink", f"sink_name={name}", "master=card", "channels=1",
                "channel_map=mono", f"master_channel_map={channel}", "remix=no",
            )  # fmt: skip
        await self.control(
            "load-module", "module-remap-source", "source_name=mic", "master=card.monitor", "channels=1",
            "channel_map=mono", "master_channel_map=front-left", "remix=no", "source_properties=device.description=mic",
        )  # fmt: skip
        await self.control("set-default-source", "mic")
        await self.control("set-default-sink", "spk")

    async def remove(self, number: int) -> None:
        """Pull it out."""
        await self.control("unload-module", str(number))

    async def control(self, *command: str) -> str:
        """What `pactl` says."""
        said = await self._run("pactl", *command)
        assert said is not None
        return said

    async def say(self, microphone: str, pcm: Pcm) -> None:
        """Play sound into a microphone; returns when it has been played."""
        process = await asyncio.create_subprocess_exec(
            "pacat", "--playback", f"--device={microphone}_in", *_FORMAT, stdin=PIPE, env=self._environment()
        )
        try:
            await process.communicate(pcm.tobytes())
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    @contextlib.asynccontextmanager
    async def recording(self, speaker: str, channels: int = 1) -> AsyncIterator[Recording]:
        """Keep what comes out of a speaker until the end of the block; several channels are interleaved."""
        process = await asyncio.create_subprocess_exec(
            "parec", f"--device={speaker}.monitor", *_FORMAT, f"--channels={channels}",
            stdout=PIPE, env=self._environment(),
        )  # fmt: skip
        recording = Recording()
        reading = asyncio.create_task(_read(process, recording))
        try:
            yield recording
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await reading
            await process.wait()

    async def _add_sink(self, name: str, *more: str) -> int:
        # Without norewinds=1 the first sound on an idle null sink comes two seconds late.
        about = ("rate=48000", f"sink_properties=device.description={name}", *more)
        return int(await self.control("load-module", "module-null-sink", f"sink_name={name}", "norewinds=1", *about))

    async def _run(self, *command: str, check: bool = True) -> str | None:
        process = await asyncio.create_subprocess_exec(*command, env=self._environment(), stdout=PIPE, stderr=PIPE)
        said, complaint = await process.communicate()
        if process.returncode:
            assert not check, f"{' '.join(command)}: {complaint.decode()}"
            return None
        return said.decode()

    def _environment(self) -> dict[str, str]:
        home = str(self._directory)
        return {
            "PATH": "/usr/bin:/bin",
            "HOME": home,
            "XDG_RUNTIME_DIR": home,
            "PULSE_STATE_PATH": home,
            "PULSE_RUNTIME_PATH": home,
            "PULSE_SERVER": self.address,
        }


async def _read(process: Process, recording: Recording) -> None:
    assert process.stdout is not None
    with contextlib.suppress(asyncio.IncompleteReadError):
        while True:
            data = await process.stdout.readexactly(SAMPLE_RATE // 100 * 2)
            recording.pieces.append(Piece(time.monotonic(), np.frombuffer(data, dtype=np.int16)))


@contextlib.asynccontextmanager
async def pulseaudio(directory: Path) -> AsyncIterator[PulseAudio]:
    """Run one until the end of the block. Skips where PulseAudio is missing."""
    if any(shutil.which(program) is None for program in ("pulseaudio", "pactl", "pacat", "parec")):
        pytest.skip("needs PulseAudio (apt-get install pulseaudio pulseaudio-utils)")
    server = PulseAudio(directory)
    try:
        await server.start()
        yield server
    finally:
        await server.kill()
