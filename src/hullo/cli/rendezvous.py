"""`hullo rendezvous`: the server where devices find each other."""

import asyncio
import logging
import signal
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hullo.cli.show import fail, in_words
from hullo.rendezvous.directory import Directory
from hullo.rendezvous.files import FileHandlers
from hullo.rendezvous.keeping import Keeping
from hullo.rendezvous.local_store import LocalStore
from hullo.rendezvous.node import Node
from hullo.rendezvous.server import PATH, RendezvousServer
from hullo.rendezvous.storage import DAY, MIB, StorageLimits
from hullo.rendezvous.store import Store, StoreUnavailable
from hullo.service.tls import CertificateError, server_tls

if TYPE_CHECKING:
    from hullo.rendezvous.redis_store import RedisStore

_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def rendezvous(
    host: Annotated[str, typer.Option(help="address to listen on")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="port to listen on; 0 takes a free one")] = 8770,
    data: Annotated[Path, typer.Option(help="the file of names and public keys")] = Path("rendezvous.db"),
    redis: Annotated[
        str | None,
        typer.Option(
            help="a Redis that several nodes share instead: redis://host, rediss://host or unix:///path",
            envvar="HULLO_RENDEZVOUS_REDIS",  # not seen by others, as the password in an argument is
        ),
    ] = None,
    files: Annotated[
        Path | None,
        typer.Option(
            help="the folder of letters and voice messages: else beside --data; with --redis else none are kept"
        ),
    ] = None,
    files_days: Annotated[float, typer.Option(min=0.01, max=30, help="days that a voice message is kept")] = 14,
    files_per_device: Annotated[int, typer.Option(min=1, help="MiB for each device that sends some")] = 128,
    files_total: Annotated[int, typer.Option(min=1, help="MiB for all of them")] = 4096,
    certificate: Annotated[Path | None, typer.Option(help="TLS certificate chain (PEM)")] = None,
    key: Annotated[Path | None, typer.Option(help="the certificate's private key (PEM)")] = None,
    behind_proxy: Annotated[
        bool, typer.Option(help="a proxy in front does TLS, keeps the Host header and sets X-Forwarded-For")
    ] = False,
    max_connections: Annotated[int, typer.Option(min=1, help="devices that may be connected at once")] = 10_000,
) -> None:
    """Run a rendezvous for private calls, or one node of it, until SIGTERM or Ctrl-C.

    It passes sealed envelopes on, keeps sealed voice messages for a while, and names and public keys, and logs nothing
    of who calls whom: docs/privacy.md.
    """
    if (certificate is None) != (key is None):
        fail("--certificate and --key belong together", "give both or none")
    if certificate is None and not behind_proxy and host not in _LOOPBACK:
        fail(f"{host} can be reached from elsewhere, and there is no TLS", "give --certificate and --key")
    try:
        tls = server_tls(certificate, key)
        limits = StorageLimits(device=files_per_device * MIB, total=files_total * MIB, keep=files_days * DAY)
        folder = data.with_suffix(".files") if files is None and redis is None else files  # nodes must share it
        opening = _opening(data, redis)
        asyncio.run(_serve(host, port, opening, folder, limits, tls, max_connections, behind_proxy))
    except CertificateError as error:
        fail(str(error))
    except StoreUnavailable:
        fail("the Redis of --redis can't be reached", "start it, or check its address and password")
    except OSError as error:
        fail(f"the rendezvous can't run: {in_words(error)}")


def _opening(data: Path, redis: str | None) -> AbstractAsyncContextManager[Store]:
    if redis is None:
        return _local(data)
    try:
        from hullo.rendezvous.redis_store import RedisStore
    except ImportError:
        fail("--redis needs one more package", "pip install 'hullo[nodes]'")
    try:
        return _shared(RedisStore(redis))
    except ValueError as error:
        fail(f"--redis is no address of a Redis: {error}")


@asynccontextmanager
async def _local(data: Path) -> AsyncIterator[Store]:
    directory = Directory(data)
    try:
        yield LocalStore(directory)
    finally:
        directory.close()


@asynccontextmanager
async def _shared(store: "RedisStore") -> AsyncIterator[Store]:
    try:
        await store.check()
        yield store
    finally:
        await store.close()


async def _serve(
    host: str,
    port: int,
    opening: AbstractAsyncContextManager[Store],
    folder: Path | None,
    limits: StorageLimits,
    tls: ssl.SSLContext | None,
    max_connections: int,
    behind_proxy: bool,
) -> None:
    logging.basicConfig(level="INFO", stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    async with opening as store:
        keeping = None if folder is None else Keeping(folder, limits)
        server = RendezvousServer(
            Node(store, keeping=keeping),
            max_connections=max_connections,
            behind_proxy=behind_proxy,
            routes=() if keeping is None else FileHandlers(keeping.storage).routes(PATH),
        )
        async with server.serve(host, port, tls) as bound:
            print(f"{'wss' if tls else 'ws'}://{host}:{bound}{PATH}", flush=True)
            await stopping.wait()
