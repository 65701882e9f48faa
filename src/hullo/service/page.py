"""The phone in the browser as a part of the daemon: which of its methods a page may call, and its secret."""

import contextlib
import re
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

from hullo.call.events import CallEvent, event_name
from hullo.call.switchboard import Switchboard
from hullo.lines.browser.line import BrowserLine
from hullo.service import rpc
from hullo.service.secret_file import SecretError, own_secret
from hullo.service.server import RpcServer
from hullo.web.server import Address, PageServer
from hullo.web.settings import WebConfig

PAGE_METHODS = frozenset(
    {
        "call.accept",
        "call.hangup",
        "call.interrupt",
        "call.list",
        "call.listen",
        "call.mute",
        "call.reject",
        "call.report",
        "call.status",
        "contact.list",
        "health",
        "history.list",
        "line.list",
        "message.delete",
        "message.list",
        "message.mark_heard",
    }
)
"""What a page may ask for: its own calls, and who can be called. No paths, no contacts changed."""


@contextlib.asynccontextmanager
async def serving_page(
    config: WebConfig, board: Switchboard, line: BrowserLine, server: RpcServer, tls: ssl.SSLContext | None
) -> AsyncIterator[str]:
    """Serve the page as long as the context lasts; gives its address, secret included.

    Raises `SecretError`, and `OSError` when the address can't be listened at.
    """
    token = _page_secret(config.token_file)
    page = PageServer(
        board,
        line,
        token=token,
        answer=server.dispatcher(PAGE_METHODS).answer,
        encode=encode,
        messenger=server.messages,
        max_pages=config.max_pages,
    )
    address = Address(host=config.host, port=config.port, tls=tls, origins=config.allowed_origins)
    async with page.serve(address) as url:
        server.page = url
        yield f"{url}#{token}"


def _page_secret(path: Path) -> str:
    """The secret in `path`: it goes into an address, and into the subprotocol of a WebSocket. Raises `SecretError`."""
    secret = own_secret(path)
    if not re.fullmatch(r"[\w.~-]+", secret, re.ASCII):
        problem = "holds signs that the address of a page can't carry, it may have letters, digits and -._~"
        raise SecretError(f"{path} {problem}: remove the file, and another secret is made")
    return secret


def encode(event: CallEvent) -> bytes:
    """An event as pages are told of it: like any other client."""
    return rpc.encode_notification(event_name(type(event)), event)
