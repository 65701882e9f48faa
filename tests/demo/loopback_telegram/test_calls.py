"""The rules of phone.* at the server, with a clock of its own and no network."""

import hashlib
import os
from typing import Any

import pytest

from hullo.demo.loopback_telegram.calls import CallBook, CallSettings, negotiated
from hullo.demo.loopback_telegram.directory import Member, Who
from hullo.demo.loopback_telegram.rpc import RpcFailure
from hullo.demo.loopback_telegram.tl import types

NOW = 1_800_000_000.0
G_A, G_B = os.urandom(256), os.urandom(256)
PHONE, TABLET, WATCH = 1, 2, 3


def protocol(*versions: str, **changes: Any) -> Any:
    fields = {"min_layer": 65, "max_layer": 92, "udp_p2p": True, "udp_reflector": True, **changes}
    return types.PhoneCallProtocol(library_versions=list(versions or ("9.0.0",)), **fields)


class Anything:
    """A request with just these fields."""

    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)


class Scene:
    """Anna calls Bert, who has a phone and a tablet."""

    def __init__(self, **settings: Any) -> None:
        self.anna = Member(1, "11111", "Anna", "anna")
        self.bert = Member(2, "22222", "Bert", "bert")
        self.pushed: list[tuple[int, Any, int | None, int | None]] = []
        self.book = CallBook(CallSettings(**settings), lambda *push: self.pushed.append(push), os.urandom)

    def request(self, random_id: int = 1, **changes: Any) -> Any:
        request = Anything(
            random_id=random_id,
            g_a_hash=hashlib.sha256(G_A).digest(),
            protocol=changes.get("protocol", protocol()),
            video=None,
        )
        waiting = self.book.request(self.anna, self.bert, PHONE, request, NOW)
        self.caller = types.InputPhoneCall(id=waiting.id, access_hash=waiting.access_hash)
        ring = self.last(2)
        self.callee = types.InputPhoneCall(id=ring.id, access_hash=ring.access_hash)
        return ring

    def accept(self, device: int = TABLET, **changes: Any) -> Any:
        request = Anything(peer=self.callee, g_b=G_B, protocol=changes.get("protocol", protocol()))
        return self.book.accept(2, device, request)

    def confirm(self, g_a: bytes = G_A) -> Any:
        return self.book.confirm(1, Anything(peer=self.caller, g_a=g_a, key_fingerprint=5), NOW)

    def discard(self, user_id: int) -> Any:
        peer = self.caller if user_id == 1 else self.callee
        reason = types.PhoneCallDiscardReasonHangup()
        return self.book.discard(user_id, Anything(peer=peer, reason=reason, duration=9), NOW)

    def last(self, user_id: int) -> Any:
        return next(update.phone_call for to, update, _, _ in reversed(self.pushed) if to == user_id)


def refused(name: str) -> Any:
    return pytest.raises(RpcFailure, match=f"{name}$")


def test_what_each_side_hears() -> None:
    scene = Scene()
    ring = scene.request()
    assert type(ring) is types.PhoneCallRequested
    assert scene.pushed[-1][2:] == (None, None)  # on all of Bert's devices
    scene.book.received(2, scene.callee, NOW + 1)
    assert scene.last(1).receive_date == int(NOW + 1)
    scene.book.received(2, scene.callee, NOW + 2)
    assert len(scene.pushed) == 2  # rung is rung
    scene.accept(TABLET)
    (to, accepted, only, _), (other_to, gone, _, but) = scene.pushed[-2:]
    assert (to, accepted.phone_call.g_b, only) == (1, G_B, PHONE)
    assert (other_to, type(gone.phone_call), but) == (2, types.PhoneCallDiscarded, TABLET)
    answer = scene.confirm()
    assert (answer.g_a_or_b, answer.p2p_allowed) == (G_B, True)
    to, established, only, _ = scene.pushed[-1]
    assert (to, established.phone_call.g_a_or_b, only) == (2, G_A, TABLET)
    scene.book.signal(2, scene.callee, b"data")
    assert (scene.pushed[-1][0], scene.pushed[-1][1].data, scene.pushed[-1][2]) == (1, b"data", PHONE)
    scene.discard(2)
    assert scene.last(1).duration == 9
    assert scene.book.live() == 0


def test_what_is_refused() -> None:
    scene = Scene()
    scene.bert.blocked.add(1)
    with refused("USER_IS_BLOCKED"):
        scene.request()
    scene.bert.blocked.clear()
    scene.bert.may_call = Who.CONTACTS
    with refused("USER_PRIVACY_RESTRICTED"):
        scene.request()
    scene.bert.contacts.add(1)
    with refused("CALL_PROTOCOL_FLAGS_INVALID"):
        scene.request(protocol=protocol(udp_p2p=None, udp_reflector=None))
    with refused("CALL_PROTOCOL_LAYER_INVALID"):
        scene.request(protocol=protocol(min_layer=93))
    scene.request()
    with refused("RANDOM_ID_DUPLICATE"):
        scene.request()
    with refused("CALL_PEER_INVALID"):
        scene.book.received(2, types.InputPhoneCall(id=scene.callee.id, access_hash=0), NOW)
    with refused("CALL_PEER_INVALID"):
        scene.book.received(1, scene.caller, NOW)
    with refused("CALL_PEER_INVALID"):
        scene.book.check(3, scene.caller)
    with refused("CALL_NOT_ACTIVE"):
        scene.book.signal(1, scene.caller, b"")
    with refused("CALL_PROTOCOL_COMPAT_LAYER_INVALID"):
        scene.accept(protocol=protocol("13.0.0"))
    scene.accept(TABLET)
    with refused("CALL_ALREADY_ACCEPTED"):
        scene.accept(WATCH)
    with refused("CALL_PEER_INVALID"):
        scene.confirm(g_a=bytes(256))  # not what was promised
    scene.discard(1)
    with refused("CALL_ALREADY_DECLINED"):
        scene.accept()
    with refused("CALL_ALREADY_DECLINED"):
        scene.confirm()
    with refused("CALL_ALREADY_DECLINED"):
        scene.discard(2)


def test_nobody_answers() -> None:
    scene = Scene(ring_seconds=30.0)
    scene.request()
    scene.book.expire(NOW + 29)
    assert scene.book.live() == 1
    scene.book.expire(NOW + 30)
    for user_id in (1, 2):
        assert type(scene.last(user_id).reason) is types.PhoneCallDiscardReasonMissed


def test_who_comes_back_hears_how_it_stands() -> None:
    scene = Scene()
    scene.request()
    [ring] = scene.book.recent(2, NOW)
    assert type(ring.phone_call) is types.PhoneCallRequested
    assert scene.book.recent(1, NOW) == []
    scene.accept()
    assert type(scene.book.recent(1, NOW)[0].phone_call) is types.PhoneCallAccepted
    scene.confirm()
    assert scene.book.recent(2, NOW)[0].phone_call.g_a_or_b == G_A
    scene.discard(1)
    assert type(scene.book.recent(2, NOW + 59)[0].phone_call) is types.PhoneCallDiscarded
    assert scene.book.recent(2, NOW + 61) == []


@pytest.mark.parametrize(
    ("server", "anna", "bert"),
    [
        (False, Who.EVERYBODY, Who.EVERYBODY),
        (True, Who.NOBODY, Who.EVERYBODY),
        (True, Who.EVERYBODY, Who.CONTACTS),
    ],
)
def test_peer_to_peer_needs_everybodys_leave(server: bool, anna: Who, bert: Who) -> None:
    scene = Scene(p2p=server)
    scene.anna.may_p2p, scene.bert.may_p2p = anna, bert
    scene.request()
    scene.accept()
    assert not scene.confirm().p2p_allowed


def test_the_newest_common_version() -> None:
    agreed = negotiated(protocol("2.4.4", "9.0.0", "12.0.0", min_layer=65), protocol("12.0.0", "9.0.0", min_layer=92))
    assert list(agreed.library_versions) == ["12.0.0"]
    assert (agreed.min_layer, agreed.max_layer) == (92, 92)
