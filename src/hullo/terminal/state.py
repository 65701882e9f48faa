"""What the phone knows and shows, as values. Times are monotonic seconds unless they say otherwise."""

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Caption:
    """Something that was said; not `final` while it is still being understood."""

    speaker: str
    text: str
    final: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """What `call.quality` counted so far; `at` is Unix time in milliseconds."""

    at: int = 0
    received: int = 0
    lost: int = 0
    bytes_sent: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """How good the sound is, since the reading before. None: not known (yet)."""

    loss_percent: float = 0.0
    """Of what we should have received."""
    their_loss_percent: float | None = None
    """Of what they should have received."""
    round_trip_ms: float | None = None
    kbit_per_second: float | None = None
    """What we send, without headers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallView:
    """One call. `status` is that of `call.status`; `ending` says why it is over."""

    call_id: str
    peer: str
    line: str
    incoming: bool
    status: str
    connected_at: float | None = None
    emoji: tuple[str, ...] = ()
    verified: bool | None = None
    muted: bool = False
    peer_muted: bool = False
    quality: Quality | None = None
    counters: Counters = Counters()
    captions: tuple[Caption, ...] = ()
    captioned: bool = False
    """Whether this phone asked for what they say to be recognised."""
    ending: str = ""
    talked: float = 0.0
    """Seconds, once it is over."""

    @property
    def rings_here(self) -> bool:
        """Whether somebody waits for us to answer."""
        return self.status == "incoming"

    @property
    def talks(self) -> bool:
        """Whether it is connected, be it without a path at the moment."""
        return self.status in ("active", "reconnecting")


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """Who we are on the direct line; `invite` is what a friend adds us with."""

    person: str = ""
    device: str = ""
    invite: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """Somebody whom we know on the direct line."""

    person: str
    contact: bool = True
    blocked: bool = False
    verified: bool = False
    key_changed: bool = False
    safety_number: str | None = None


class Outcome(StrEnum):
    """What became of a call, in the history."""

    MISSED = "missed"
    IN = "in"
    OUT = "out"
    NOT_REACHED = "not reached"
    DECLINED = "declined"
    NOT_TAKEN = "not taken"
    """It ended before anybody here could say anything: taken on another device, or failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PastCall:
    """One call of the history; `at` is Unix time in seconds, `duration` seconds of talk."""

    peer: str
    line: str
    outcome: Outcome
    at: float
    duration: float = 0.0
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A microphone or speaker; `device_id` stays the same when it is plugged in again."""

    device_id: str
    name: str
    default: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One end of the sound of this machine: all devices, the one in use, the one chosen (None follows the system)."""

    devices: tuple[Device, ...] = ()
    chosen: str | None = None
    used: str | None = None
    level_dbfs: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sound:
    """Microphone and speaker of the machine that the daemon runs on, and the call that they are on.

    `problem` says why there are none, or what is wrong with one.
    """

    microphone: Side = Side()
    speaker: Side = Side()
    call_id: str | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceMessage:
    """A voice message, received or sent; `at` is Unix time in seconds, `delivery` how far a sent one has come."""

    message_id: str
    peer: str
    received: bool
    at: float
    duration: float
    heard: bool = False
    delivery: str = ""
    transcript: str = ""

    @property
    def is_new(self) -> bool:
        """Whether somebody waits for it to be heard here."""
        return self.received and not self.heard


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A message that is being recorded; times in seconds."""

    state: str
    elapsed: float
    remaining: float
    level_dbfs: float
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Playing:
    """The message that is played, and how far it is, in seconds."""

    message_id: str
    position: float


@dataclass(frozen=True, slots=True)
class Notice:
    """One line of news, for a while. An urgent one is about safety, or something that no longer works."""

    text: str
    at: float = 0.0
    urgent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneState:
    """Everything on the screen. `link` says how it stands with the daemon, empty while all is well."""

    link: str = "reaching the daemon, or starting one"
    line_problem: str = ""
    own: Own = Own()
    contacts: tuple[Contact, ...] = ()
    history: tuple[PastCall, ...] = ()
    calls: tuple[CallView, ...] = ()
    """Live ones, oldest first."""
    last: CallView | None = None
    """The call that ended last, until the next one."""
    messages: tuple[VoiceMessage, ...] = ()
    """The latest first."""
    recording: Recording | None = None
    playing: Playing | None = None
    sound: Sound = Sound()
    push_to_talk: bool = False
    talking: bool = False
    notice: Notice = Notice("")

    @property
    def shown(self) -> CallView | None:
        """The call that keys are about: one that was taken, else the one that rings."""
        taken = [call for call in self.calls if not call.rings_here]
        return next(iter([*taken, *self.calls]), None)

    @property
    def ringing(self) -> CallView | None:
        """The call that waits for our answer."""
        return next((call for call in self.calls if call.rings_here), None)

    def contact(self, person: str) -> Contact | None:
        """The contact of that name."""
        return next((each for each in self.contacts if each.person == person), None)
