"""What may be different in one call from how the process hears."""

from dataclasses import replace

import msgspec

from hullo.speech.settings import SpeechSettings


class HearingChange(msgspec.Struct, frozen=True, kw_only=True):
    """What to change; None leaves a setting as it is. They mean what they mean in `SpeechSettings`."""

    endpointing: str | None = None
    end_pause: float | None = None
    noise_suppression: bool | None = None

    def __bool__(self) -> bool:
        return self != HearingChange()

    def applied(self, settings: SpeechSettings) -> SpeechSettings:
        """`settings` with the change. Another strategy forgets the end pause. Raises `SpeechError`."""
        other = self.endpointing is not None and self.endpointing != settings.endpointing
        end_pause = None if other else settings.end_pause
        suppress = settings.noise_suppression if self.noise_suppression is None else self.noise_suppression
        return replace(
            settings,
            endpointing=self.endpointing or settings.endpointing,
            end_pause=end_pause if self.end_pause is None else self.end_pause,
            noise_suppression=suppress,
        )
