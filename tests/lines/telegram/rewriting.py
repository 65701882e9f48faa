"""Somebody who has the key of a call, and rewrites what the callee's app says to the caller's."""

import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest
from typing_extensions import override

from hullo.lines.telegram.key_exchange import KeyPair, shared_key
from hullo.lines.telegram.port import PhoneUpdate, UpdateSignalingData
from hullo.lines.telegram.signaling.cipher import SignalingCipher
from tests.lines.telegram.lines import ALICE
from tests.lines.telegram.memory_telegram import MemoryTelegram

NO_SCTP = json.dumps({"network_signaling_nosctp": True})
"""With it, 12.0.0 and 13.0.0 put one sealed message into each packet."""

Rewrite = Callable[[dict[str, Any]], None]


class Rewriting(MemoryTelegram):
    """A server where Alice gets the messages for her as `rewrite` has changed them. One call at a time."""

    def __init__(self, rewrite: Rewrite, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(choose=lambda common: "13.0.0", custom_parameters=NO_SCTP)
        self._rewrite = rewrite
        self._key = b""
        monkeypatch.setattr("hullo.lines.telegram.phone_call.shared_key", self._overheard)

    @override
    def tell(self, user_id: int, update: PhoneUpdate) -> None:
        if user_id == ALICE and isinstance(update, UpdateSignalingData):
            update = UpdateSignalingData(update.phone_call_id, self._rewritten(update.data))
        super().tell(user_id, update)

    def _rewritten(self, packet: bytes) -> bytes:
        plaintext = SignalingCipher(self._key, is_caller=True).open(packet)
        message = json.loads(gzip.decompress(plaintext[4:]))
        self._rewrite(message)
        return SignalingCipher(self._key, is_caller=False).seal(
            plaintext[:4] + gzip.compress(json.dumps(message).encode())
        )

    def _overheard(self, own: KeyPair, peer_public: bytes) -> bytes:
        self._key = shared_key(own, peer_public)
        return self._key
