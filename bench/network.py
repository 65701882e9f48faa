"""A network of our own with one ordinary interface, because plain aiortc and Chromium refuse to use loopback."""

import os
import shutil
import socket
import sys
from collections.abc import Sequence

ADDRESS = "10.99.0.1"
_INTERFACE = "bench0"
_SET_UP = f"""
set -e
ip link set lo up
ip link add {_INTERFACE} type veth peer name bench1
ip addr add {ADDRESS}/24 dev {_INTERFACE}
ip link set {_INTERFACE} up
ip link set bench1 up
exec "$@"
"""


class NetworkUnavailable(RuntimeError):
    """There is no way to a network namespace here; the message says what is missing."""


def is_private() -> bool:
    """Whether this process is inside the network that `enter` makes."""
    return any(name == _INTERFACE for _, name in socket.if_nameindex())


def enter(command: Sequence[str]) -> None:
    """Replace this process by `command` inside a new network namespace, unless it is in one already.

    The namespace goes away with the last process in it. Root is not needed where the kernel lets everybody make
    user namespaces. Raises `NetworkUnavailable` when a program is missing.
    """
    if is_private():
        return
    missing = [program for program in ("unshare", "ip") if shutil.which(program) is None]
    if missing:
        raise NetworkUnavailable(f"{' and '.join(missing)} not found; on Debian: apt-get install util-linux iproute2")
    as_root = [] if os.geteuid() == 0 else ["--map-root-user"]
    sys.stdout.flush()
    os.execvp("unshare", ["unshare", *as_root, "--net", "--", "sh", "-c", _SET_UP, "sh", *command])
