"""A decoder that always has something to say: packets, what can be repaired, and else what fades to silence."""

from typing import Final

import numpy as np

from hullo.media.opus import DTX_BYTES, SHORTEST_FRAME, OpusDecoder
from hullo.media.pcm import SAMPLE_RATE, Pcm
from hullo.media.timestretch import cross_fade

_FULL: Final = SAMPLE_RATE * 40 // 1000
"""Samples of concealment before it begins to fade."""

_GONE: Final = SAMPLE_RATE * 160 // 1000
"""Samples of concealment after which there is silence."""

_COMFORT: Final = SAMPLE_RATE
"""Samples of comfort noise after which a sender that is silent by DTX is gone too: it sends every 400 ms."""

_SEAM: Final = 2 * SHORTEST_FRAME


class ConcealingDecoder:
    """Decodes one stream and covers its holes, without a step where one kind of sound meets another."""

    def __init__(self) -> None:
        """Raises `OpusUnavailable` without libopus."""
        self._decoder = OpusDecoder()
        self._concealed = _GONE  # nothing was said yet
        self._comfort = False

    @property
    def silent(self) -> bool:
        """Whether concealment has faded out, or is the comfort noise of a sender with nothing to say."""
        return self._comfort or self._concealed >= _GONE

    def decode(self, payload: bytes, *, skip: int = 0, seam: bool = False) -> Pcm:
        """The sound of a packet from its sample `skip` on; `seam` when it does not follow what was decoded last.

        Raises `OpusError` if it is corrupt.
        """
        tail = self._faded(self._decoder.conceal(_SEAM), self._concealed) if seam or skip else None
        pcm = self._decoder.decode(payload)[skip:]
        width = min(_SEAM, len(pcm))
        if tail is not None:
            pcm[:width] = cross_fade(tail[:width], pcm[:width])
        elif self._concealed > _FULL:
            level = max((_GONE - self._concealed) / (_GONE - _FULL), 0.0)
            pcm[:width] = pcm[:width] * np.linspace(level, 1.0, width)
        self._concealed = 0
        self._comfort = len(payload) <= DTX_BYTES
        return pcm

    def recover(self, next_payload: bytes, samples: int) -> Pcm:
        """What came before a packet, from the copy in it. Raises `OpusError` if that packet is corrupt."""
        pcm = self._faded(self._decoder.decode_fec(next_payload, samples), self._concealed)
        self._concealed = 0
        return pcm

    def conceal(self, samples: int) -> Pcm:
        """At least `samples`, up to a multiple of 120, where there is no packet."""
        samples += -samples % SHORTEST_FRAME
        before, self._concealed = self._concealed, self._concealed + samples
        if before >= (_COMFORT if self._comfort else _GONE):
            self._comfort = False
            return np.zeros(samples, dtype=np.int16)
        pcm = self._decoder.conceal(samples)
        return pcm if self._comfort else self._faded(pcm, before)

    def _faded(self, pcm: Pcm, concealed: int) -> Pcm:
        """`pcm` at the level of sound that has been concealed for so long."""
        if concealed + len(pcm) <= _FULL or self._comfort:
            return pcm
        levels = np.clip((_GONE - concealed - np.arange(len(pcm))) / (_GONE - _FULL), 0.0, 1.0)
        return (pcm * levels).astype(np.int16)
