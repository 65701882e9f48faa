"""The turns of a conversation, and where the time of each answer went."""

from dataclasses import dataclass

import msgspec

from hullo.call.histogram import Histogram
from hullo.call.report import Turn, TurnTimes


@dataclass(slots=True)
class _OpenTurn:
    heard: str
    started_at: float
    ended_at: float
    times: TurnTimes
    understood: float
    utterance_id: str | None = None
    asked: float = 0.0
    said: str | None = None

    def note(self, **times: int) -> None:
        self.times = msgspec.structs.replace(self.times, **times)


class TurnLog:
    """Counts what was heard and what was answered. Monotonic times in seconds are passed in.

    An answer belongs to the last thing heard; only the first utterance of an answer is timed. The log keeps the
    newest `limit` turns.
    """

    def __init__(self, limit: int = 1000) -> None:
        self._limit = limit
        self._turns: list[_OpenTurn] = []

    def heard(
        self, text: str, started_at: float, ended_at: float, end_of_speech_ms: int, recognition_ms: int, now: float
    ) -> TurnTimes:
        """The peer said `text` (empty: not understood), and that was known `now`."""
        times = TurnTimes(end_of_speech_ms=end_of_speech_ms, recognition_ms=recognition_ms)
        self._turns.append(_OpenTurn(text, started_at, ended_at, times, now))
        del self._turns[: -self._limit]
        return times

    def answered(self, utterance_id: str, text: str, now: float) -> None:
        """We were asked to say `text`, or with an empty one to say what is still to come."""
        if self._turns and self._turns[-1].utterance_id is None:
            turn = self._turns[-1]
            turn.utterance_id, turn.said, turn.asked = utterance_id, text, now
            turn.note(gateway_ms=_ms(now - turn.understood))
            if text:
                turn.note(first_token_ms=0)

    def worded(self, utterance_id: str, now: float) -> None:
        """Words have come of an utterance whose text comes in pieces."""
        turn = self._turn(utterance_id)
        if turn is not None and turn.times.first_token_ms is None:
            turn.note(first_token_ms=_ms(now - turn.asked))

    def sounded(self, utterance_id: str, first_audio_ms: int, now: float, heard_delay: float) -> None:
        """The first sound of an utterance goes out `now`; it takes `heard_delay` seconds to the peer's ear."""
        turn = self._turn(utterance_id)
        if turn is not None:
            times = turn.times
            answer_ms = times.end_of_speech_ms + times.recognition_ms + _ms(now - turn.understood)
            turn.note(first_audio_ms=first_audio_ms, answer_ms=answer_ms, heard_ms=answer_ms + _ms(heard_delay))

    def said(self, utterance_id: str, text: str) -> None:
        """The whole text of an utterance, which may have come in pieces, is known."""
        turn = self._turn(utterance_id)
        if turn is not None:
            turn.said = text

    def turns(self) -> list[Turn]:
        """All turns, oldest first."""
        return [
            Turn(heard=turn.heard, started_at=turn.started_at, ended_at=turn.ended_at, times=turn.times, said=turn.said)
            for turn in self._turns
        ]

    def histograms(self) -> dict[str, Histogram]:
        """How each of the times is spread, by its name in `TurnTimes`; those that never happened are left out."""
        spread = {name: [getattr(turn.times, name) for turn in self._turns] for name in TurnTimes.__struct_fields__}
        known = {name: [value for value in values if value is not None] for name, values in spread.items()}
        return {name: Histogram.of(values) for name, values in known.items() if values}

    def _turn(self, utterance_id: str) -> _OpenTurn | None:
        return next((turn for turn in reversed(self._turns) if turn.utterance_id == utterance_id), None)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
