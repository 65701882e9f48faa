"""The page on a phone that is elsewhere: behind a firewall, and on its way from one network to another."""

import asyncio
import os
import secrets
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.net.homes import Namespace
from tests.peers.coturn import certificate_for, coturn
from tests.service.socket_client import SocketClient
from tests.web.phone_page import PhonePage, chromium, program, tone_file
from tests.web.test_browser_phone import configuration

pytestmark = pytest.mark.net

HOUSE = "10.98.9.9"
"""Where the daemon serves its page; either network leads there."""
NETWORKS = {"wifi": "10.98.1", "lte": "10.98.2"}
SECRET = "shared with coturn"
DAEMON = """
host = "{house}"
certificate = "{certificate}"
key = "{key}"
[speech]
enabled = false
[calls]
answer = "auto"
"""
RELAY = """
[ice]
relay_only = true
[[ice.servers]]
url = "stun:203.0.113.1:3478"  # where nobody answers
[[ice.servers]]
url = "{url}"
secret = "{secret}"
"""


@dataclass(frozen=True)
class Away:
    """The phone's own network namespace, and that of the house."""

    phone: Namespace
    house: Namespace

    def join(self, network: str) -> None:
        """The phone comes into the reach of `wifi` or `lte`."""
        run(f"ip -n {self.phone.name} link set {network} up")
        run(f"ip -n {self.phone.name} route replace {HOUSE} via {NETWORKS[network]}.1")

    def leave(self, network: str) -> None:
        """The phone leaves it."""
        run(f"ip -n {self.phone.name} link set {network} down")

    def allow_only(self, port: int) -> None:
        """Of UDP, a firewall lets the phone speak with that port of the house and with nothing else."""
        rules = f"""
            table ip wall {{
                chain out {{
                    type filter hook output priority filter;
                    ip daddr {HOUSE} udp dport {port} accept
                    oifname != "lo" meta l4proto udp drop
                }}
            }}"""
        nft = ["ip", "netns", "exec", self.phone.name, "nft", "-f", "-"]
        subprocess.run(nft, input=rules, text=True, check=True)


@contextmanager
def away() -> Iterator[Away]:
    """The phone is in its Wi-Fi. Skips without root and nftables."""
    if os.geteuid() != 0 or shutil.which("nft") is None:
        pytest.skip("needs root and nftables (apt-get install nftables)")
    tag = secrets.token_hex(3)
    with ExitStack() as stack:
        here = Away(Namespace(f"hullo-phone-{tag}"), Namespace(f"hullo-house-{tag}"))
        stack.callback(here.phone.remove)
        stack.callback(here.house.remove)
        phone, house = here.phone.name, here.house.name
        run(f"ip -n {house} addr add {HOUSE}/32 dev lo")
        for name, net in NETWORKS.items():
            run(f"ip -n {phone} link add {name} type veth peer name {name} netns {house}")
            run(f"ip -n {phone} addr add {net}.2/24 dev {name}")
            run(f"ip -n {house} addr add {net}.1/24 dev {name}")
            run(f"ip -n {house} link set {name} up")
        here.join("wifi")
        yield here


@asynccontextmanager
async def daemon(here: Away, folder: Path, more: str = "") -> AsyncIterator[str]:
    """The address of the page of a daemon in the house."""
    certificate, key = certificate_for(folder, HOUSE)
    settings = DAEMON.format(house=HOUSE, certificate=certificate, key=key) + more
    with here.house.entered():
        async with program("web", "--config", configuration(folder, settings), until="#") as address:
            with here.phone.entered():
                yield address


@asynccontextmanager
async def page(folder: Path, address: str) -> AsyncIterator[PhonePage]:
    """The page in a browser on the phone."""
    async with chromium(tone_file(folder / "tone.wav", 440), ignore_https_errors=True) as browser:
        opened = PhonePage(await browser.new_page())
        await opened.open(address)
        yield opened


async def only_call(client: SocketClient) -> dict[str, Any]:
    """The only call as its daemon tells of it."""
    [call] = await client.result("call.list")
    assert isinstance(call, dict)
    return call


async def packets_of_daemon(phone: PhonePage) -> int:
    """How many the page has got, as the browser counts them."""
    return int(
        await phone.page.evaluate("""async () => {
            const stats = [...(await hulloPhone.session.leg.stats()).values()];
            return stats.find(one => one.type === "inbound-rtp").packetsReceived;
        }""")
    )


async def sound_comes_through(phone: PhonePage, client: SocketClient) -> None:
    """Return once the daemon gets packets of the page, and the page packets of the daemon."""

    async def received() -> tuple[int, int]:
        return (await only_call(client))["stats"]["packets_received"], await packets_of_daemon(phone)

    before = await received()
    async with asyncio.timeout(10):
        while not all(then + 20 < now for then, now in zip(before, await received(), strict=True)):
            await asyncio.sleep(0.1)


async def goes(phone: PhonePage, here: Away, start: str, end: str) -> None:
    """The phone goes from one network to another, and its call is there again."""
    here.leave(start)
    await phone.sees("#state", "Reconnecting…")
    here.join(end)
    await phone.sees("#state", "0:")
    await phone.sees("#link", "Ready")


def run(command: str) -> None:
    subprocess.run(command.split(), check=True)


async def test_behind_a_firewall_the_page_calls_through_the_turn_server_that_its_daemon_named(tmp_path: Path) -> None:
    with away() as here, here.house.entered():
        async with coturn(tmp_path, HOUSE, SECRET) as turn:
            server = turn.server("udp")
            relay = RELAY.format(url=server.url, secret=SECRET)
            here.allow_only(server.address[1])
            async with (
                daemon(here, tmp_path, relay) as address,
                await SocketClient.connect(tmp_path / "s") as client,
                page(tmp_path, address) as phone,
            ):
                await phone.page.click("#call-agent")
                await phone.sees("#state", "0:0")
                await sound_comes_through(phone, client)
                chosen = (await only_call(client))["leg"]["chosen"]
                assert (chosen["local"], chosen["remote"]) == ("relay", "relay")
                await phone.page.click("#hangup")
                await phone.sees("#report", "Relayed")
                assert phone.errors == []


async def test_calls_go_on_when_the_phone_goes_from_one_network_to_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HULLO__BROWSER__ENABLED", "true")
    with away() as here:
        async with (
            daemon(here, tmp_path) as address,
            await SocketClient.connect(tmp_path / "s") as client,
            page(tmp_path, address) as phone,
        ):
            await phone.page.click("#call-agent")
            await phone.sees("#state", "0:0")
            await goes(phone, here, "wifi", "lte")
            lost, back = await client.until("call.reconnecting"), await client.until("call.reconnected")
            await sound_comes_through(phone, client)
            now = await only_call(client)
            assert (now["call_id"], now["status"]) == (lost["call_id"], "active")
            assert "moved" in now["leg"]["stages"]
            print(f"gone for {back['gap_ms']} ms")  # noqa: T201
            await phone.page.click("#hangup")
            await phone.page.click("#done")

            await phone.page.fill("#address", "http://127.0.0.1:8765/call")  # the daemon calls itself, for the page
            await phone.page.press("#address", "Enter")
            await phone.sees("#state", "0:0")
            await phone.page.evaluate("() => { window.firstLeg = hulloPhone.session.leg; }")
            await goes(phone, here, "lte", "wifi")
            before = await packets_of_daemon(phone)
            async with asyncio.timeout(10):
                while await packets_of_daemon(phone) < before + 20:
                    await asyncio.sleep(0.1)
            assert await phone.page.evaluate("hulloPhone.session.leg === window.firstLeg"), "it was called anew"


async def test_a_phone_that_stays_away_is_told_why_the_call_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HULLO__CALLS__LOST_SECONDS", "5")
    with away() as here:
        async with (
            daemon(here, tmp_path) as address,
            await SocketClient.connect(tmp_path / "s") as client,
            page(tmp_path, address) as phone,
        ):
            await phone.page.click("#call-agent")
            await phone.sees("#state", "0:0")
            here.leave("wifi")
            ended = await client.until("call.ended")
            assert (ended["reason"], "for 5 s" in ended["detail"]) == ("failed", True)
            here.join("wifi")
            await phone.sees("#ended-detail", "nothing came from the peer for 5 s")
