"""Sound files of any format that PyAV reads, as 48 kHz mono, decoded bit by bit."""

import asyncio
from collections.abc import AsyncGenerator, Generator, Iterator
from contextlib import aclosing
from itertools import chain
from pathlib import Path

import av
import numpy as np
from av.audio.resampler import AudioResampler

from hullo.media.pcm import SAMPLE_RATE, Pcm
from hullo.speech.errors import SpeechError

_PIECE_SAMPLES = SAMPLE_RATE // 4
_OPTIONS = {"protocol_whitelist": "file"}  # a playlist must not make us fetch anything


async def check_playable(path: Path) -> None:
    """Raise `SpeechError` unless `path` is a file whose sound can be decoded, at least at its beginning."""
    async with aclosing(stream_file(path)) as pieces:
        if await anext(pieces, None) is None:
            raise SpeechError(f"{path} can't be read: it holds no sound")


async def stream_file(path: Path) -> AsyncGenerator[Pcm, None]:
    """The sound of the file in pieces of about 250 ms, decoded away from the event loop.

    Raises `SpeechError` where it cannot be read.
    """
    pieces = decode_file(path)
    loop = asyncio.get_running_loop()
    step: asyncio.Future[Pcm | None] | None = None
    try:
        while True:
            step = loop.run_in_executor(None, next, pieces, None)
            piece = await asyncio.shield(step)
            if piece is None:
                return
            yield piece
    finally:
        if step is not None and not step.done():
            # The thread is inside the decoder; the file can only be closed after it comes back (milliseconds).
            await asyncio.wait([step])
        pieces.close()


def decode_file(path: Path, start: float = 0.0) -> Generator[Pcm, None, None]:
    """The sound of the file in pieces of about 250 ms, from `start` seconds on; each `next` decodes one.

    Raises `SpeechError` where it cannot be read.
    """
    if not path.is_file():
        raise SpeechError(f"{path} can't be read: there is no such file")
    try:
        with av.open(str(path), options=_OPTIONS, metadata_errors="replace") as container:
            if not container.streams.audio:
                raise SpeechError(f"{path} can't be read: it holds no sound")
            if start > 0:
                container.seek(round(start * av.time_base))
            yield from _decode_stream(container, start)
    except PermissionError:
        raise SpeechError(f"{path} can't be read: no permission to read it") from None
    except av.error.FFmpegError as error:
        raise SpeechError(f"{path} can't be read: {_reason(error)}") from error
    except ValueError as error:  # what PyAV itself says, as of sound that changes its format
        raise SpeechError(f"{path} can't be read any further: {error}") from error


def duration_of(path: Path) -> float | None:
    """Seconds of sound in the file as its header has them, None if it does not say. Raises `SpeechError`."""
    try:
        with av.open(str(path), options=_OPTIONS, metadata_errors="replace") as container:
            return None if container.duration is None else container.duration / av.time_base
    except (av.error.FFmpegError, OSError) as error:
        raise SpeechError(f"{path} can't be read: {_reason(error)}") from error


def _reason(error: av.error.FFmpegError | OSError) -> str:
    if isinstance(error, av.error.InvalidDataError):
        return "it holds no sound that is known here"
    return (error.strerror or str(error)).lower()


def _decode_stream(container: av.container.InputContainer, start: float) -> Iterator[Pcm]:
    resampler = AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)
    collected: list[Pcm] = []
    early: int | None = None
    for frame in chain(container.decode(audio=0), [None]):
        if early is None and frame is not None:
            # A jump ends at a packet that begins at or before the time asked for.
            early = max(round((start - (frame.time or 0.0)) * SAMPLE_RATE), 0)
        for out in resampler.resample(frame):
            pcm = out.to_ndarray()[0]
            skipped = min(early or 0, len(pcm))
            early = (early or 0) - skipped
            collected.append(pcm[skipped:])
        if sum(map(len, collected)) >= _PIECE_SAMPLES:
            yield np.concatenate(collected)
            collected = []
    if any(map(len, collected)):
        yield np.concatenate(collected)
