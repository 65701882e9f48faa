"""What was chosen last time, in a small file."""

import logging
import os
import tempfile
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from hullo.audio.devices.device import DeviceKind
from hullo.folders import state_path

logger = logging.getLogger(__name__)

MOST_VOLUME = 4.0

Volume = Annotated[float, Meta(ge=0.0, le=MOST_VOLUME)]


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody chose for one kind of device."""

    device: str | None = None
    """Its id; None: the default of the sound system."""
    name: str | None = None
    """What it was called."""
    volume: Volume | None = None
    """What its sound is multiplied with; None: as it is."""


class Choices(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody chose."""

    microphone: Choice = Choice()
    speaker: Choice = Choice()

    def of(self, kind: DeviceKind) -> Choice:
        """That for one kind."""
        return self.microphone if kind is DeviceKind.MICROPHONE else self.speaker

    def replaced(self, kind: DeviceKind, choice: Choice) -> "Choices":
        """The same with another choice for one kind."""
        return msgspec.structs.replace(self, **{kind.value: choice})


def default_choices_path() -> Path:
    """`$XDG_STATE_HOME/hullo/audio.json`, or `~/.local/state/hullo/audio.json`."""
    return state_path("audio.json")


def load_choices(path: Path) -> Choices | None:
    """What was kept there; None if nothing was, or nothing that can be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Choices)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        logger.warning("%s can't be read, devices are chosen anew: %s", path, error)
        return None


def keep_choices(path: Path, choices: Choices) -> None:
    """Keep them, readable by their owner only. Raises `OSError`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with open(descriptor, "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(choices)) + b"\n")
        os.replace(name, path)
    except OSError:
        os.unlink(name)
        raise
