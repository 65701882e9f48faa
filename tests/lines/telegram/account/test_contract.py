"""The names of kurigram and Telethon that we use though nobody promised them: which of them broke, after an update."""

import importlib
import inspect
from importlib.metadata import version

import pytest

from hullo.lines.telegram.account.client import find

METHODS = [
    "ping",
    "help.getConfig",
    "auth.sendCode",
    "auth.signIn",
    "auth.checkPassword",
    "account.getPassword",
    "users.getUsers",
    "contacts.getContacts",
    "contacts.resolveUsername",
    "updates.getState",
    "updates.getDifference",
    "messages.getDhConfig",
    "phone.requestCall",
    "phone.receivedCall",
    "phone.acceptCall",
    "phone.confirmCall",
    "phone.discardCall",
    "phone.sendSignalingData",
    "phone.setCallRating",
    "phone.saveCallDebug",
    "auth.exportAuthorization",
    "auth.importAuthorization",
    "upload.saveFilePart",
    "upload.getFile",
    "messages.sendMedia",
    "messages.getMessages",
    "messages.readMessageContents",
]


def test_the_versions_that_were_tried() -> None:
    assert version("kurigram") == "2.2.26"
    assert version("Telethon").startswith("1.45.")


def test_both_speak_the_same_layer() -> None:
    """Constructor numbers of phoneCall change between layers."""
    kurigram = importlib.import_module("pyrogram.raw.all").layer
    assert kurigram == importlib.import_module("telethon.tl.alltlobjects").LAYER


@pytest.mark.parametrize("name", METHODS)
def test_methods_have_the_same_fields_in_both(name: str) -> None:
    ours = find(importlib.import_module("pyrogram.raw").functions, name)
    theirs = find(importlib.import_module("telethon.tl.functions"), name, "Request")
    assert _fields(ours) == _fields(theirs)


@pytest.mark.parametrize(
    "name", ["start", "_stop", "restart", "recv_worker", "send", "handle_packet", "START_TIMEOUT", "ACKS_THRESHOLD"]
)
def test_kurigrams_session(name: str) -> None:
    assert hasattr(importlib.import_module("pyrogram.session.session").Session, name)


@pytest.mark.parametrize(
    "name",
    ["connect", "disconnect", "send", "_connect", "_disconnect", "_start_reconnect", "_handle_rpc_result"],
)
def test_telethons_sender(name: str) -> None:
    assert hasattr(importlib.import_module("telethon.network").MTProtoSender, name)


def _fields(function: type) -> set[str]:
    return set(inspect.signature(function.__init__).parameters) - {"self", "args", "kwargs"}  # type: ignore[misc]


def test_what_telethons_sender_calls_us_with() -> None:
    sender = importlib.import_module("telethon.network").MTProtoSender
    assert "self._start_reconnect(e)" in inspect.getsource(sender._recv_loop)
    assert "await self._disconnect(error=AuthKeyNotFound())" in inspect.getsource(sender._recv_loop)
    assert "self._updates_queue.put_nowait(" in inspect.getsource(sender._handle_update)
    state = importlib.import_module("telethon.network.mtprotostate").MTProtoState
    assert list(inspect.signature(state.write_data_as_message).parameters)[1:4] == ["buffer", "data", "content_related"]


def test_what_kurigrams_session_calls_us_with() -> None:
    session = importlib.import_module("pyrogram.session.session").Session
    assert "self.create_task(self.restart())" in inspect.getsource(session.recv_worker).replace("client.loop.", "")
    assert "self.recv_worker()" in inspect.getsource(session.start)
    assert "self.client.handle_updates(msg.body)" in inspect.getsource(session.handle_packet)
