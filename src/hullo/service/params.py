"""What each method takes. By position, the parameters come in the order of the fields."""

from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta

from hullo.lines.direct.private.desk import Change

CallId: TypeAlias = Annotated[
    str | None,
    Meta(description="The call; may be left out while exactly one call is live.", examples=["9f86d081884c7d65"]),
]


class Nothing(msgspec.Struct, frozen=True, kw_only=True):
    """No parameters."""


Endpointing: TypeAlias = Annotated[
    str | None,
    Meta(description="How the end of a turn is found: `adaptive`, `words`, `fixed` or another strategy installed."),
]
EndPause: TypeAlias = Annotated[
    float | None, Meta(description="Seconds of silence that end a turn with `fixed` endpointing.")
]
NoiseSuppression: TypeAlias = Annotated[
    bool | None, Meta(description="Whether noise is taken out of what the peer says; needs the extra `devices`.")
]


class StartParams(msgspec.Struct, frozen=True):
    """Whom to call, and over which line. What is left out of how to hear is as configured."""

    to: Annotated[
        str | int,
        Meta(description="The address, as its line writes it. A number is taken as its digits."),
    ]
    line: Annotated[str | None, Meta(description="The line to use; left out: the one that knows such addresses.")] = (
        None
    )
    endpointing: Endpointing = None
    end_pause: EndPause = None
    noise_suppression: NoiseSuppression = None


class HearingParams(msgspec.Struct, frozen=True):
    """Which call, and how to hear it; what is left out stays as it is."""

    call_id: CallId = None
    endpointing: Endpointing = None
    end_pause: EndPause = None
    noise_suppression: NoiseSuppression = None


class CallParams(msgspec.Struct, frozen=True):
    """Which call."""

    call_id: CallId = None


class SpeakParams(msgspec.Struct, frozen=True):
    """What to say, in which call: a whole text, or a stream of pieces that is spoken while the rest still comes."""

    text: Annotated[str, Meta(description="The words to say. May be empty for a stream.", max_length=10_000)] = ""
    call_id: CallId = None
    stream_id: Annotated[
        Annotated[str, Meta(min_length=1, max_length=100)] | None,
        Meta(description="A name of your choice: begins a stream of text."),
    ] = None
    append: Annotated[bool, Meta(description="True to go on with the stream that was begun.")] = False
    end: Annotated[bool, Meta(description="True with the last piece. 30 s without a piece end a stream, too.")] = False
    interruptible: Annotated[bool, Meta(description="False: the peer can't interrupt it, only `call.interrupt`.")] = (
        True
    )


class PrepareParams(msgspec.Struct, frozen=True):
    """What will be said soon, in any call."""

    texts: Annotated[list[Annotated[str, Meta(max_length=1000)]], Meta(description="The texts.", max_length=50)]


class PlayParams(msgspec.Struct, frozen=True):
    """What to play, in which call."""

    path: Annotated[str, Meta(description="Absolute path of a sound file that the daemon can read.", min_length=1)]
    call_id: CallId = None
    interruptible: Annotated[bool, Meta(description="False: the peer can't interrupt it, only `call.interrupt`.")] = (
        True
    )


class MuteParams(msgspec.Struct, frozen=True):
    """Whether to send sound, in which call."""

    muted: Annotated[bool, Meta(description="While true nothing is sent.")]
    call_id: CallId = None


class BridgeParams(msgspec.Struct, frozen=True):
    """Which two calls."""

    other_id: Annotated[str, Meta(description="The other call.")]
    call_id: CallId = None


class ListenParams(msgspec.Struct, frozen=True):
    """Whether to recognise what the peer says, in which call."""

    enabled: Annotated[bool, Meta(description="Whether `call.speech` is told of what the peer says.")]
    call_id: CallId = None


class InterruptibleParams(msgspec.Struct, frozen=True):
    """Whether the peer may interrupt, in which call."""

    enabled: Annotated[bool, Meta(description="Whether the peer interrupts what is spoken by speaking.")]
    call_id: CallId = None


class RecordParams(msgspec.Struct, frozen=True):
    """Where to record, or that the recording shall stop: one of the two."""

    path: Annotated[
        str | None,
        Meta(description="Absolute path of the file to make, `.wav` or `.opus`; ours left, theirs right."),
    ] = None
    stop: Annotated[bool, Meta(description="True to finish the recording.")] = False
    call_id: CallId = None
    transcript: Annotated[
        str | None, Meta(description="Absolute path of a WebVTT file to make of what is said, with times.")
    ] = None


class ContactParams(msgspec.Struct, frozen=True):
    """Which contact, and what to do with it."""

    person: Annotated[str, Meta(description="The name at the rendezvous.", min_length=1, max_length=32)]
    change: Annotated[Change, Meta(description="add, remove, block, unblock, verify, unverify or trust.")]
    key: Annotated[
        str | None, Meta(description="With add: their key in hex, handed over safely; they are verified then.")
    ] = None


class LinkParams(msgspec.Struct, frozen=True):
    """Which new device."""

    code: Annotated[str, Meta(description="What `hullo contacts link` shows on the new device.", max_length=200)]


class UnlinkParams(msgspec.Struct, frozen=True):
    """Which device of ours."""

    device: Annotated[str, Meta(description="Its name, as contact.devices shows it.", max_length=32)]
    unlisted: Annotated[bool, Meta(description="Also when contact.devices does not show it.")] = False


class ListParams(msgspec.Struct, frozen=True):
    """Which calls to show."""

    live: Annotated[bool, Meta(description="True to leave out calls that have ended.")] = False
