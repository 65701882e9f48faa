"""`hullo rendezvous`: the server where devices find each other."""

import asyncio
import logging
import signal
import ssl
import sys
from pathlib import Path
from typing import Annotated

import typer

from hullo.cli.show import fail
from hullo.rendezvous.directory import Directory
from hullo.rendezvous.node import Node
from hullo.rendezvous.server import PATH, RendezvousServer

_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def rendezvous(
    host: Annotated[str, typer.Option(help="address to listen on")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="port to listen on; 0 takes a free one")] = 8770,
    data: Annotated[Path, typer.Option(help="the file of names and public keys")] = Path("rendezvous.db"),
    certificate: Annotated[Path | None, typer.Option(help="TLS certificate chain (PEM)")] = None,
    key: Annotated[Path | None, typer.Option(help="the certificate's private key (PEM)")] = None,
    behind_proxy: Annotated[
        bool, typer.Option(help="a proxy in front does TLS, keeps the Host header and sets X-Forwarded-For")
    ] = False,
    max_connections: Annotated[int, typer.Option(help="devices that may be connected at once")] = 10_000,
) -> None:
    """Run a rendezvous for private calls until SIGTERM or Ctrl-C.

    It passes sealed envelopes on, keeps names and public keys, and logs nothing of who calls whom: docs/privacy.md.
    """
    if (certificate is None) != (key is None):
        fail("--certificate and --key belong together", "give both or none")
    if certificate is None and not behind_proxy and host not in _LOOPBACK:
        fail(f"{host} can be reached from elsewhere, and there is no TLS", "give --certificate and --key")
    try:
        tls = _tls(certificate, key)
        asyncio.run(_serve(host, port, data, tls, max_connections, behind_proxy))
    except OSError as error:
        fail(f"the rendezvous can't run: {error.strerror or error}")


def _tls(certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    if certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    return context


async def _serve(
    host: str, port: int, data: Path, tls: ssl.SSLContext | None, max_connections: int, behind_proxy: bool
) -> None:
    logging.basicConfig(level="INFO", stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    directory = Directory(data)
    server = RendezvousServer(Node(directory), max_connections=max_connections, behind_proxy=behind_proxy)
    try:
        async with server.serve(host, port, tls) as bound:
            print(f"{'wss' if tls else 'ws'}://{host}:{bound}{PATH}", flush=True)
            await stopping.wait()
    finally:
        directory.close()
