"""Networks for tests: a thread with a network namespace of its own, in which a coroutine runs."""

import asyncio
import ctypes
import os
import subprocess
import threading
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from concurrent.futures import Future

import pytest
from aioice.ice import get_host_addresses

CLONE_NEWNET = 0x40000000
ADDRESS = "10.99.0.1/24"

Scenario = Callable[[], Awaitable[None]]


def with_an_address(scenario: Scenario) -> None:
    """Run `scenario` where there is an address other than loopback, which peers that are not ours insist on."""
    if get_host_addresses(use_ipv4=True, use_ipv6=False):
        asyncio.run(_coroutine(scenario))
    else:
        in_own_network(scenario, [ADDRESS])


def in_own_network(scenario: Scenario, addresses: Sequence[str] = ()) -> None:
    """Run `scenario` in a new namespace with `lo`, and an interface for every address. Skips without root."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to make a network namespace")
    failures: list[BaseException] = []
    thread = threading.Thread(target=_run, args=(scenario, addresses, failures))
    thread.start()
    thread.join()
    if failures:
        raise failures[0]


def _run(scenario: Scenario, addresses: Sequence[str], failures: list[BaseException]) -> None:
    try:
        _own_network()
        for number, address in enumerate(addresses):
            _ip(f"link add here{number} type veth peer name there{number}")  # not every kernel has dummy
            _ip(f"addr add {address} dev here{number}" + (" nodad" if ":" in address else ""))
            _ip(f"link set here{number} up")
            _ip(f"link set there{number} up")
        asyncio.run(_coroutine(scenario))
    except BaseException as failure:  # handed to the thread of the test, pytest's outcomes too
        failures.append(failure)


def _own_network() -> None:
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:  # of this thread; it ends with it
        raise OSError(ctypes.get_errno(), "cannot make a network namespace")
    _ip("link set lo up")


def _ip(arguments: str) -> None:
    subprocess.run(["ip", *arguments.split()], check=True)


async def _coroutine(scenario: Scenario) -> None:
    await scenario()


class Elsewhere:
    """A thread with a network namespace and an event loop of its own."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = 0
        self._failure: BaseException | None = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Elsewhere":
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            raise self._failure
        return self

    def __exit__(self, *failure: object) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()

    def start(self, coroutine: Coroutine[None, None, None]) -> Future[None]:
        """Run it there."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop)

    def _run(self) -> None:
        try:
            _own_network()
            self.thread = threading.get_native_id()
        except BaseException as failure:  # handed to the thread of the test
            self._failure = failure
        self._ready.set()
        if self._failure is None:
            self.loop.run_forever()


def in_two_networks(scenario: Callable[[Elsewhere], Awaitable[None]], interfaces: Mapping[str, str]) -> None:
    """Run `scenario` in a new namespace that is joined to another one by interfaces: here .1 of each /24, there .2."""

    async def joined() -> None:
        with Elsewhere() as other:
            for name, net in interfaces.items():
                _ip(f"link add {name} type veth peer name {name} netns {other.thread}")
                await asyncio.wrap_future(other.start(_up(name, f"{net}.2/24")))
                await _up(name, f"{net}.1/24")
            await scenario(other)

    in_own_network(joined)


async def _up(interface: str, address: str) -> None:
    _ip(f"addr add {address} dev {interface}")
    _ip(f"link set {interface} up")
