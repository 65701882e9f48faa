"""From sound to the bytes of an Ogg Opus file, with the picture of it; nothing but numbers in and bytes out."""

from collections import deque
from typing import Final

import numpy as np

from hullo.media.oggopus import OggOpusWriter, OpusHead, OpusTags
from hullo.media.opus import OpusEncoder
from hullo.media.pcm import FRAME_SAMPLES, SAMPLE_RATE, SILENCE, Pcm, level_dbfs
from hullo.messages.recorder_options import Bitrate
from hullo.messages.waveform import WaveformMeter

SILENT_BELOW: Final = -50.0
"""dBFS of a frame of 20 ms: what is softer at both ends of a message is silence."""

KEPT_BEFORE: Final = SAMPLE_RATE // 5
KEPT_AFTER: Final = SAMPLE_RATE * 3 // 10
"""Samples of silence that stay at the ends, for the soft beginnings and endings of words."""

_HELD_FRAMES: Final = KEPT_BEFORE // FRAME_SAMPLES


class MessageEncoder:
    """Encodes 48 kHz mono s16, any number of samples at a time; what each call returns is for the end of the file."""

    def __init__(self, *, bitrate: Bitrate = 24_000, serial: int, skip_silence: bool = False) -> None:
        """`serial` is random, of 32 bits; with `skip_silence` the message begins just before the first sound."""
        # The best that libopus has, and nothing against loss: a file loses no packets.
        self._opus = OpusEncoder(bitrate=bitrate, complexity=10, fec=False, expected_loss=0)
        head = OpusHead(pre_skip=self._opus.lookahead)
        self._writer = OggOpusWriter(head, OpusTags("hullo"), serial=serial)
        self._rest: Pcm = SILENCE[:0]
        self._held: deque[Pcm] | None = deque(maxlen=_HELD_FRAMES) if skip_silence else None
        self.meter: Final = WaveformMeter()
        self.samples = 0
        """How long the message is so far."""
        self.sound_until = 0
        """The position after the last frame that was not silent."""

    def begin(self) -> bytes:
        """The headers."""
        return self._writer.begin()

    def feed(self, pcm: Pcm) -> bytes:
        """The next samples: half a second of pages, or nothing yet."""
        joined = np.concatenate([self._rest, pcm]) if len(self._rest) else pcm
        whole = len(joined) // FRAME_SAMPLES * FRAME_SAMPLES
        self._rest = joined[whole:].copy()
        return b"".join(map(self._take, joined[:whole].reshape(-1, FRAME_SAMPLES)))

    def flush(self) -> bytes:
        """A page of what has been fed, up to the last whole frame, in case that nothing follows for long."""
        return self._writer.flush()

    def finish(self) -> bytes:
        """The end of the file. Nothing may be fed after this."""
        held = b"".join(map(self._encode, self._held or ()))
        end = self.samples + len(self._rest)
        self._note(self._rest)
        owed = len(self._rest) + self._opus.lookahead  # the decoder gives the last samples that much later
        tail = np.zeros(-(-owed // FRAME_SAMPLES) * FRAME_SAMPLES, np.int16)
        tail[: len(self._rest)] = self._rest
        pages = [self._writer.add(self._opus.encode(frame)) for frame in tail.reshape(-1, FRAME_SAMPLES)]
        return held + b"".join(pages) + self._writer.end(end)

    def _take(self, frame: Pcm) -> bytes:
        if self._held is None:
            return self._encode(frame)
        if level_dbfs(frame) < SILENT_BELOW:
            self._held.append(frame.copy())
            return b""
        held, self._held = self._held, None
        return b"".join(map(self._encode, (*held, frame)))

    def _encode(self, frame: Pcm) -> bytes:
        self._note(frame)
        return self._writer.add(self._opus.encode(frame))

    def _note(self, pcm: Pcm) -> None:
        self.meter.feed(pcm)
        self.samples += len(pcm)
        if level_dbfs(pcm) >= SILENT_BELOW:
            self.sound_until = self.samples
