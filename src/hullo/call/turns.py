"""The turns of a conversation, and where the time of each answer went."""

from dataclasses import dataclass

from hullo.call.report import Turn, TurnTimes


@dataclass(slots=True)
class _OpenTurn:
    heard: str
    started_at: float
    ended_at: float
    end_of_speech_ms: int
    recognition_ms: int
    understood: float
    utterance_id: str | None = None
    said: str | None = None
    gateway_ms: int | None = None
    first_audio_ms: int | None = None

    def times(self) -> TurnTimes:
        return TurnTimes(
            end_of_speech_ms=self.end_of_speech_ms,
            recognition_ms=self.recognition_ms,
            gateway_ms=self.gateway_ms,
            first_audio_ms=self.first_audio_ms,
        )


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
        """The peer said `text`, and it was understood `now`."""
        turn = _OpenTurn(text, started_at, ended_at, end_of_speech_ms, recognition_ms, now)
        self._turns.append(turn)
        del self._turns[: -self._limit]
        return turn.times()

    def answered(self, utterance_id: str, text: str, now: float) -> None:
        """We were asked to say `text`."""
        if self._turns and self._turns[-1].utterance_id is None:
            turn = self._turns[-1]
            turn.utterance_id = utterance_id
            turn.said = text
            turn.gateway_ms = round((now - turn.understood) * 1000)

    def sounded(self, utterance_id: str, first_audio_ms: int) -> None:
        """The first sound of an utterance went out."""
        for turn in reversed(self._turns):
            if turn.utterance_id == utterance_id:
                turn.first_audio_ms = first_audio_ms
                return

    def said(self, utterance_id: str, text: str) -> None:
        """The whole text of an utterance, which may have come in pieces, is known."""
        for turn in reversed(self._turns):
            if turn.utterance_id == utterance_id:
                turn.said = text
                return

    def turns(self) -> list[Turn]:
        """All turns, oldest first."""
        return [
            Turn(
                heard=turn.heard,
                started_at=turn.started_at,
                ended_at=turn.ended_at,
                times=turn.times(),
                said=turn.said,
            )
            for turn in self._turns
        ]
