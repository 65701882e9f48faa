"""The times of the words in one voice's speech, by those in another's. Pure."""

from collections.abc import Sequence

from hullo.media.pcm import Pcm
from hullo.speech.aligning.spectrum import HOP_SECONDS, speech_in
from hullo.speech.aligning.warping import warp
from hullo.speech.ports import WordTiming

_HIGHEST_COST = 0.72


def aligned(
    sound: Pcm, reference: Pcm, words: Sequence[WordTiming], *, complete: bool = True
) -> Sequence[WordTiming] | None:
    """When `words`, whose times in `reference` are known, begin in `sound` (both 16 kHz); in order, inside the sound.

    What is not `complete` is the beginning of the text. None when the sound is not of these words, as far as one
    can hear: silence, noise, another text, or speech of a third or twice the speed.
    """
    heard, known = speech_in(sound), speech_in(reference)
    if heard is None or known is None:
        return None
    found = warp(heard.features, known.features, complete=complete)
    if found is None or found.cost > _HIGHEST_COST:
        return None
    timings: list[WordTiming] = []
    for word in words:
        frame = known.after_silence(word.start_s / HOP_SECONDS)
        place = float(known.frames.searchsorted(frame))
        if place > found.path[-1] and not complete:
            break
        time = heard.after_silence(int(heard.frames[found.time_of(place)])) * HOP_SECONDS
        timings.append(WordTiming(word.word, max(time, timings[-1].start_s if timings else 0.0)))
    return timings
