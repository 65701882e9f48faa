"""Two homes behind NATs, and an internet between them: five network namespaces, joined by veth pairs."""

import asyncio
import ctypes
import os
import secrets
import shutil
import subprocess
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

import pytest

CLONE_NEWNET = 0x40000000
INTERNET = "198.51.100.1"
"""Where servers listen."""

Result = TypeVar("Result")


class Nat(StrEnum):
    """What Linux does to ports, in the words of nftables; RFC 4787 4.1."""

    CONE = "masquerade"
    """Ports are kept where they can be: endpoint-independent mapping, as of most homes. Filters by address and port."""
    SYMMETRIC = "masquerade fully-random"
    """Another port for each destination: address- and port-dependent mapping, as of many companies and carriers."""


class Namespace:
    """A network of its own."""

    def __init__(self, name: str) -> None:
        self.name = name
        _run(f"ip netns add {name}")
        _run(f"ip -n {name} link set lo up")

    def remove(self) -> None:
        _run(f"ip netns del {self.name}")

    @contextmanager
    def entered(self) -> Iterator[None]:
        """This thread, and what it starts, is in here until the end of the block; sockets stay where they began."""
        before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        try:
            _enter(Path("/run/netns", self.name))
            yield
        finally:
            _set_namespace(before)
            os.close(before)

    async def run(self, work: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
        """Run a coroutine in here, in a thread and an event loop of its own."""

        def run() -> Result:
            with self.entered():
                return asyncio.run(work())

        return await asyncio.to_thread(run)


@contextmanager
def homes(*nats: Nat) -> Iterator[tuple[Namespace, list[Namespace]]]:
    """The internet, and a home behind each NAT. Skips without root and nftables."""
    if os.geteuid() != 0 or shutil.which("nft") is None:
        pytest.skip("needs root and nftables (apt-get install nftables)")
    with ExitStack() as stack:

        def namespace(role: str) -> Namespace:
            made = Namespace(f"hullo-{role}-{secrets.token_hex(3)}")
            stack.callback(made.remove)
            return made

        internet, found = namespace("net"), []
        _run(f"ip -n {internet.name} link add street type bridge")
        _run(f"ip -n {internet.name} addr add {INTERNET}/24 dev street")
        _run(f"ip -n {internet.name} link set street up")
        for number, nat in enumerate(nats):
            router, home = namespace(f"nat{number}"), namespace(f"home{number}")
            _connect_router(internet, router, number)
            _translate(router, nat)
            _connect_home(router, home, number)
            found.append(home)
        # coturn gives an allocation up when it cannot send to a private address at all
        _run(f"ip -n {internet.name} route add default via 198.51.100.10")
        yield internet, found


def _connect_router(internet: Namespace, router: Namespace, number: int) -> None:
    _run(f"ip -n {internet.name} link add port{number} type veth peer name wan netns {router.name}")
    _run(f"ip -n {internet.name} link set port{number} master street up")
    _run(f"ip -n {router.name} addr add 198.51.100.{10 + number}/24 dev wan")
    _run(f"ip -n {router.name} link set wan up")
    _run(f"ip netns exec {router.name} sysctl -qw net.ipv4.ip_forward=1")


def _translate(router: Namespace, nat: Nat) -> None:
    rules = f"""
        table ip nat {{
            chain out {{ type nat hook postrouting priority srcnat; oifname "wan" {nat}; }}
            chain in {{
                type filter hook input priority filter;
                iifname "wan" drop comment "also so that it keeps no port from the home that will want it"
            }}
            chain through {{
                type filter hook forward priority filter; policy drop;
                ct state established,related accept
                iifname "lan" accept
            }}
        }}"""
    subprocess.run(["ip", "netns", "exec", router.name, "nft", "-f", "-"], input=rules, text=True, check=True)


def _connect_home(router: Namespace, home: Namespace, number: int) -> None:
    _run(f"ip -n {router.name} link add lan type veth peer name eth0 netns {home.name}")
    _run(f"ip -n {router.name} addr add 192.168.{number}.1/24 dev lan")
    _run(f"ip -n {router.name} link set lan up")
    _run(f"ip -n {home.name} addr add 192.168.{number}.2/24 dev eth0")
    _run(f"ip -n {home.name} link set eth0 up")
    _run(f"ip -n {home.name} route add default via 192.168.{number}.1")


def _run(command: str) -> None:
    subprocess.run(command.split(), check=True)


def _enter(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        _set_namespace(descriptor)
    finally:
        os.close(descriptor)


def _set_namespace(descriptor: int) -> None:
    if ctypes.CDLL(None, use_errno=True).setns(descriptor, CLONE_NEWNET) != 0:  # of this thread
        raise OSError(ctypes.get_errno(), "cannot enter a network namespace")
