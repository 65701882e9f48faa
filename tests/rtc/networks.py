"""Networks for tests: a thread with a network namespace of its own, in which a coroutine runs."""

import asyncio
import ctypes
import os
import subprocess
import threading
from collections.abc import Awaitable, Callable, Sequence

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
        if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:  # of this thread; it ends with it
            raise OSError(ctypes.get_errno(), "cannot make a network namespace")
        _ip("link set lo up")
        for number, address in enumerate(addresses):
            _ip(f"link add here{number} type veth peer name there{number}")  # not every kernel has dummy
            _ip(f"addr add {address} dev here{number}" + (" nodad" if ":" in address else ""))
            _ip(f"link set here{number} up")
            _ip(f"link set there{number} up")
        asyncio.run(_coroutine(scenario))
    except BaseException as failure:  # handed to the thread of the test, pytest's outcomes too
        failures.append(failure)


def _ip(arguments: str) -> None:
    subprocess.run(["ip", *arguments.split()], check=True)


async def _coroutine(scenario: Scenario) -> None:
    await scenario()
