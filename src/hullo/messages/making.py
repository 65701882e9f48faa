"""Messages made of what is there already: a sound file, or sound in memory."""

import secrets
import shutil
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from hullo.media.ogg import OggError
from hullo.media.pcm import SAMPLE_RATE, Pcm
from hullo.messages.errors import MessageError, NotPlayable
from hullo.messages.recorder import VoiceMessageRecorder
from hullo.messages.recorder_options import RecorderOptions
from hullo.messages.sound import OggOpusSound, open_sound
from hullo.messages.store import MessageStore, StoredMessage, describe


def message_of_file(
    store: MessageStore, source: Path, now: datetime, options: RecorderOptions, **known: Any
) -> StoredMessage:
    """A sound file as a message, of which this is `known`: Ogg Opus as it is, anything else encoded.

    Raises `MessageError`, also for one that is longer than `options` allow; nothing of it is left then.
    """
    if _is_opus(source):
        return _copied(store, source, now, options, known)
    sound = open_sound(source)
    try:
        if sound.length is not None and sound.length > options.max_seconds * SAMPLE_RATE:
            raise _too_long(str(source), options)
        return message_of_sound(store, _pieces(sound.read), now, options, str(source), **known)
    finally:
        sound.close()


def message_of_sound(
    store: MessageStore, sound: Iterable[Pcm], now: datetime, options: RecorderOptions, name: str, **known: Any
) -> StoredMessage:
    """48 kHz mono sound as a message. Raises `MessageError`; nothing of it is left then."""
    path = store.new_path(now)
    recorder = VoiceMessageRecorder(path, options, now=now)
    samples = 0
    try:
        for piece in sound:
            samples += len(piece)
            if samples > options.max_seconds * SAMPLE_RATE:
                raise _too_long(name, options)
            recorder.write(piece)
        described = recorder.stop()
    except BaseException:
        recorder.discard()
        raise
    return store.add(path, msgspec.structs.replace(described, **known))


def _copied(
    store: MessageStore, source: Path, now: datetime, options: RecorderOptions, known: dict[str, Any]
) -> StoredMessage:
    try:
        described = describe(source, options.max_seconds)
        path = store.new_path(now)
        try:
            shutil.copyfile(source, path)
            path.chmod(0o600)
        except OSError:
            path.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise MessageError(f"{source} can't be copied: {(error.strerror or str(error)).lower()}") from None
    facts = {"id": secrets.token_hex(8), "created": now, "recovered": False, **known}
    return store.add(path, msgspec.structs.replace(described, **facts))


def _is_opus(source: Path) -> bool:
    try:
        sound = OggOpusSound(source)
    except (OggError, NotPlayable, OSError):
        return False
    sound.close()
    return True


def _pieces(read: Any) -> Iterator[Pcm]:
    while (piece := read()) is not None:
        yield piece


def _too_long(name: str, options: RecorderOptions) -> MessageError:
    return MessageError(f"{name} is longer than the {options.max_seconds:g} s that a message may have")
