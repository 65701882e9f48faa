"""The phone.* exchange of one call as a state machine: updates, results and time in, requests and news out.

Sans-IO. Updates come late, twice, out of order and before the results they belong to: what a stage has no use for
leaves it as it is. `now` is monotonic seconds.
"""

from enum import StrEnum
from typing import Any, TypeAlias

import msgspec

from hullo.lines.line import Ending, EndReason
from hullo.lines.telegram import endings
from hullo.lines.telegram.emoji import Emoji, key_emoji
from hullo.lines.telegram.key_exchange import KeyPair, commitment, keeps_commitment, key_fingerprint
from hullo.lines.telegram.port import (
    AcceptCall,
    AnyPhoneCall,
    CallConfig,
    ConfirmCall,
    Connection,
    DiscardCall,
    DiscardReason,
    InputPhoneCall,
    PhoneCall,
    PhoneCallAccepted,
    PhoneCallDiscarded,
    PhoneCallEmpty,
    PhoneCallRequested,
    PhoneCallWaiting,
    ReceivedCall,
    Request,
    RequestCall,
    SaveCallDebug,
    SetCallRating,
    TelegramError,
    User,
)
from hullo.lines.telegram.versions import OFFERED, SignalingKind, Unsupported, known_versions, signaling_kind

KEY_EXCHANGE_TIMEOUT = 20.0


class Stage(StrEnum):
    """Where the exchange stands."""

    REQUESTING = "requesting"
    """Our request is on its way; the call has no id yet."""
    WAITING = "waiting"
    """The server looks for a device of the callee."""
    RINGING = "ringing"
    """A device of the callee rings."""
    CONFIRMING = "confirming"
    """The callee accepted, and we confirm with our public value."""
    OFFERED = "offered"
    """Somebody calls us."""
    ACCEPTING = "accepting"
    """We have accepted, and the caller is to confirm."""
    ESTABLISHED = "established"
    OVER = "over"


class MediaSetup(msgspec.Struct, frozen=True, kw_only=True):
    """What the two sides have agreed on for the media."""

    is_caller: bool
    key: bytes
    emoji: Emoji
    kind: SignalingKind
    version: str
    connections: tuple[Connection, ...]
    p2p_allowed: bool


class Send(msgspec.Struct, frozen=True):
    """Carry out a request, and give its result to `replied` or `failed`."""

    request: Request[Any]


class Rang(msgspec.Struct, frozen=True):
    """The callee's device rings."""


class DeriveKey(msgspec.Struct, frozen=True):
    """Compute the shared key, which takes a while, and give it to `derived`."""

    own: KeyPair
    peer_public: bytes


class Established(msgspec.Struct, frozen=True):
    """The media can begin."""

    setup: MediaSetup


class Over(msgspec.Struct, frozen=True):
    """The call has ended."""

    ending: Ending


Action: TypeAlias = Send | Rang | DeriveKey | Established | Over


class CallSignaling:
    """One call. `deadline` is when `tick` wants to be called next."""

    def __init__(self, *, is_caller: bool, stage: Stage, config: CallConfig, rating: int | None) -> None:
        self.stage = stage
        self.deadline = float("inf")
        self.peer: InputPhoneCall | None = None
        """The call as requests name it, once the server has."""
        self.is_caller = is_caller
        self.stages: dict[str, float] = {}
        """When (monotonic) each stage was reached."""
        self._config = config
        self._rating = rating
        self._keys: KeyPair | None = None
        self._key: bytes | None = None
        self._g_a_hash = b""
        self._protocol = OFFERED
        self._phone_call: PhoneCall | None = None
        self._answered = False
        self._feedback_given = False

    @classmethod
    def outgoing(
        cls, user: User, keys: KeyPair, config: CallConfig, random_id: int, now: float, rating: int | None = None
    ) -> tuple["CallSignaling", list[Action]]:
        """Call `user`; `random_id` is a signed 32-bit number."""
        self = cls(is_caller=True, stage=Stage.REQUESTING, config=config, rating=rating)
        self._keys = keys
        self._enter(Stage.REQUESTING, now)
        request = RequestCall(user=user, random_id=random_id, g_a_hash=commitment(keys.public), protocol=OFFERED)
        return self, [Send(request)]

    @classmethod
    def incoming(
        cls, call: PhoneCallRequested, config: CallConfig, now: float, rating: int | None = None
    ) -> tuple["CallSignaling", list[Action]]:
        """Somebody calls us; that our device rings is said at once."""
        self = cls(is_caller=False, stage=Stage.OFFERED, config=config, rating=rating)
        self.peer = call.peer
        self._g_a_hash = call.g_a_hash
        self._enter(Stage.OFFERED, now, config.ring_timeout)
        return self, [Send(ReceivedCall(peer=call.peer))]

    # What we do

    def accept(self, keys: KeyPair, now: float) -> list[Action]:
        """Answer an incoming call; nothing if it is past that."""
        if self.stage is not Stage.OFFERED or self.peer is None:
            return []
        self._keys = keys
        self._answered = True
        self._enter(Stage.ACCEPTING, now, KEY_EXCHANGE_TIMEOUT)
        return [Send(AcceptCall(peer=self.peer, g_b=keys.public, protocol=OFFERED))]

    def end(self, ending: Ending, now: float) -> list[Action]:
        """End the call for a reason of ours, and tell the server; nothing if it is over."""
        return self._end(ending, now, tell=True)

    def derived(self, key: bytes, now: float) -> list[Action]:
        """The shared key of a `DeriveKey`."""
        if self.stage is Stage.CONFIRMING and self.peer is not None and self._keys is not None:
            self._key = key
            confirm = ConfirmCall(
                peer=self.peer,
                g_a=self._keys.public,
                key_fingerprint=key_fingerprint(key),
                protocol=self._protocol,
            )
            return [Send(confirm)]
        if self.stage is Stage.ACCEPTING and self._phone_call is not None:
            if key_fingerprint(key) != self._phone_call.key_fingerprint:
                return self._distrust("the two sides have computed different keys", now)
            return self._establish(self._phone_call, key, self._phone_call.g_a_or_b, now)
        return []

    def underivable(self, why: str, now: float) -> list[Action]:
        """The peer's public value cannot be used."""
        return self._distrust(why, now)

    # What comes from the server

    def update(self, call: AnyPhoneCall, now: float) -> list[Action]:
        """A state of the call, from an update or as the result of a request."""
        match call:
            case PhoneCallDiscarded() | PhoneCallEmpty():
                return self._discarded(call, now)
            case PhoneCallWaiting():
                return self._waiting(call, now)
            case PhoneCallAccepted():
                return self._accepted(call, now)
            case PhoneCall():
                return self._confirmed(call, now)
            case PhoneCallRequested():
                return []

    def failed(self, request: Request[Any], error: TelegramError, now: float) -> list[Action]:
        """A request was refused, or not answered."""
        match request:
            case RequestCall() if self.stage is Stage.REQUESTING:
                return self._end(endings.refused(error, "placing the call"), now, tell=False)
            case AcceptCall() if self.stage is Stage.ACCEPTING:
                return self._end(endings.refused(error, "answering the call"), now, tell=endings.is_live(error))
            case ConfirmCall() if self.stage is Stage.CONFIRMING:
                return self._end(endings.not_confirmed(error), now, tell=endings.is_live(error))
            case _:
                return []

    def tick(self, now: float) -> list[Action]:
        """Keep the deadline of the stage."""
        if now < self.deadline:
            return []
        seconds = self.deadline - self.stages[self.stage]
        unanswered = {
            Stage.WAITING: f"no device of the callee could be reached within {seconds:g} s",
            Stage.RINGING: f"nobody answered within {seconds:g} s",
            Stage.OFFERED: f"not answered within {seconds:g} s",
        }
        if self.stage in unanswered:
            ending = Ending(EndReason.NO_ANSWER, unanswered[self.stage])
        else:
            ending = Ending(EndReason.FAILED, f"the key exchange was not finished within {seconds:g} s; call again")
        return self._end(ending, now, tell=True)

    def _waiting(self, call: PhoneCallWaiting, now: float) -> list[Action]:
        if self.is_caller and self.stage is Stage.OVER and self.peer is None:  # given up before it had an id
            self.peer = call.peer
            return [Send(DiscardCall(peer=call.peer, reason=DiscardReason.MISSED))]
        if not self.is_caller or self.stage not in (Stage.REQUESTING, Stage.WAITING):
            return []
        self.peer = call.peer
        if call.receive_date is not None:
            self._enter(Stage.RINGING, now, self._config.ring_timeout)
            return [Rang()]
        if self.stage is Stage.REQUESTING:
            self._enter(Stage.WAITING, now, self._config.receive_timeout)
        return []

    def _accepted(self, call: PhoneCallAccepted, now: float) -> list[Action]:
        if self.stage not in (Stage.REQUESTING, Stage.WAITING, Stage.RINGING) or self._keys is None:
            return []
        self.peer = call.peer
        self._answered = True
        self._enter(Stage.CONFIRMING, now, KEY_EXCHANGE_TIMEOUT)
        versions = known_versions(call.protocol)
        if not versions:
            return self._end(_no_version(call.protocol.library_versions), now, tell=True)
        self._protocol = msgspec.structs.replace(OFFERED, library_versions=versions)
        return [DeriveKey(self._keys, call.g_b)]

    def _confirmed(self, call: PhoneCall, now: float) -> list[Action]:
        if self.stage is Stage.OFFERED:
            return self._end(endings.ANSWERED_ELSEWHERE, now, tell=False)
        if self.stage is Stage.CONFIRMING and self._key is not None and self._keys is not None:
            return self._establish(call, self._key, self._keys.public, now)
        if self.stage is Stage.ACCEPTING and self._phone_call is None and self._keys is not None:
            if not keeps_commitment(call.g_a_or_b, self._g_a_hash):
                return self._distrust("the caller's public value is not the one it committed to", now)
            self._phone_call = call
            return [DeriveKey(self._keys, call.g_a_or_b)]
        return []

    def _establish(self, call: PhoneCall, key: bytes, g_a: bytes, now: float) -> list[Action]:
        try:
            kind = signaling_kind(call.protocol, call.custom_parameters)
        except Unsupported as error:
            return self._end(Ending(EndReason.FAILED, str(error)), now, tell=True)
        self._enter(Stage.ESTABLISHED, now)
        setup = MediaSetup(
            is_caller=self.is_caller,
            key=key,
            emoji=key_emoji(key, g_a),
            kind=kind,
            version=call.protocol.library_versions[0],
            connections=call.connections,
            p2p_allowed=call.p2p_allowed,
        )
        return [Established(setup)]

    def _discarded(self, call: PhoneCallDiscarded | PhoneCallEmpty, now: float) -> list[Action]:
        reason = call.reason if isinstance(call, PhoneCallDiscarded) else None
        if Stage.ESTABLISHED in self.stages:
            ending = endings.discarded_established(reason)
        elif self._answered:
            ending = endings.discarded_accepted(reason)
        elif self.is_caller:
            rang_at = self.stages.get(Stage.RINGING)
            ending = endings.discarded_unanswered(reason, None if rang_at is None else now - rang_at)
        else:
            ending = endings.discarded_ringing(reason)
        feedback = self._feedback(call) if isinstance(call, PhoneCallDiscarded) else []
        return [*self._end(ending, now, tell=False), *feedback]

    def _feedback(self, call: PhoneCallDiscarded) -> list[Action]:
        """The server asks how it was; it takes one answer."""
        if self.peer is None or self._feedback_given:
            return []
        wanted: list[Action] = []
        if call.need_debug:
            wanted.append(Send(SaveCallDebug(peer=self.peer, debug="{}")))
        if call.need_rating and self._rating is not None:
            wanted.append(Send(SetCallRating(peer=self.peer, rating=self._rating)))
        self._feedback_given = bool(wanted)
        return wanted

    def _distrust(self, why: str, now: float) -> list[Action]:
        detail = f"{why}: the call is not secure and was ended; somebody may be in between"
        return self._end(Ending(EndReason.FAILED, detail), now, tell=True)

    def _end(self, ending: Ending, now: float, *, tell: bool) -> list[Action]:
        if self.stage is Stage.OVER:
            return []
        established = self.stages.get(Stage.ESTABLISHED)
        self._enter(Stage.OVER, now)
        if not tell or self.peer is None:
            return [Over(ending)]
        discard = DiscardCall(
            peer=self.peer,
            reason=endings.discard_reason(ending, answered=self._answered, is_caller=self.is_caller),
            duration=0 if established is None else int(now - established),
        )
        return [Over(ending), Send(discard)]

    def _enter(self, stage: Stage, now: float, timeout: float = float("inf")) -> None:
        self.stage = stage
        self.stages.setdefault(stage, now)
        self.deadline = now + timeout


def _no_version(theirs: tuple[str, ...]) -> Ending:
    return Ending(
        EndReason.FAILED,
        f"the two apps have no call version in common: theirs are {', '.join(theirs[:10]) or 'none'}; "
        f"ours {', '.join(OFFERED.library_versions)}",
    )
