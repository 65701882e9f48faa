"""The section `[audio]` of the configuration."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, Field

from hullo.audio.devices.memory import MOST_VOLUME, Choice, Choices, default_choices_path
from hullo.section import SECTION

if TYPE_CHECKING:
    from hullo.audio.devices.devices import Devices
    from hullo.audio.processing import ProcessingSettings


class AudioConfig(BaseModel):
    """Microphone and speaker of this machine, for people who call with it. Opened only while a call has them."""

    model_config = SECTION

    enabled: bool = True
    """False: this daemon never touches them."""
    backend: Literal["miniaudio", "sounddevice", "null"] = "miniaudio"
    """The sound library; `null` hears silence and plays to nobody."""
    microphone: str | None = None
    """Id or name of the one to use until another is chosen (`hullo devices list`); left out: the system's default."""
    speaker: str | None = None
    """The same for what the peer is heard by."""
    microphone_volume: Annotated[float, Field(ge=0, le=MOST_VOLUME)] = 1.0
    """What the microphone is multiplied with until that is changed."""
    speaker_volume: Annotated[float, Field(ge=0, le=MOST_VOLUME)] = 1.0
    """What the peer is multiplied with until that is changed."""
    buffer_ms: Annotated[int, Field(ge=5, le=100)] = 10
    """How much sound a device gives or takes at a time. More delays it and stands a busier machine."""
    push_to_talk: bool = False
    """Whether the microphone is sent only while `audio.talk` says so."""
    echo_cancellation: bool = True
    """Takes what the speaker plays out of what the microphone hears. Off with a headset spares some processor time."""
    noise_suppression: bool = True
    """Takes noise out of what the microphone hears."""
    automatic_gain: bool = True
    """Makes quiet people louder."""
    high_pass: bool = True
    """Takes rumble out of what the microphone hears."""

    def processing(self) -> "ProcessingSettings":
        """What is done to the microphone."""
        from hullo.audio.processing import ProcessingSettings  # only for those who have a call

        return ProcessingSettings(
            echo_cancellation=self.echo_cancellation,
            noise_suppression=self.noise_suppression,
            automatic_gain=self.automatic_gain,
            high_pass=self.high_pass,
        )

    def devices(self) -> "Devices":
        """The devices of this machine by these settings, and what was chosen of them."""
        from hullo.audio.devices.devices import Devices

        return Devices(
            self.backend, memory=default_choices_path(), fallback=self._fallback(), period=self.buffer_ms / 1000
        )

    def _fallback(self) -> Choices:
        """What is used of that of which nothing was chosen."""
        return Choices(
            microphone=Choice(name=self.microphone, volume=self.microphone_volume),
            speaker=Choice(name=self.speaker, volume=self.speaker_volume),
        )
