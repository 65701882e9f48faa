"""The phone in the browser, in real Chromium, with real daemons: calls with the agent and between people."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import psutil
import pytest
from playwright.async_api import Route

from hullo.lines.direct.private.desk import Change
from hullo.lines.direct.private.opening import create_keys, open_private
from hullo.service.config import load_config
from tests.ports import free_port
from tests.rtc.networks import with_an_address
from tests.web.phone_page import PhonePage, chromium, program, speech_file, tone_file

pytestmark = pytest.mark.peer

CONFIG = """
[rpc]
socket = "{home}/s"
[browser]
enabled = false
[web]
port = {port}
token_file = "{home}/token"
"""
AGENT = '[calls]\nanswer = "auto"\n[brain]\nkind = "echo"\ngreeting = "Good morning."\n'
SILENT = '[calls]\nanswer = "auto"\n[speech]\nenabled = false\n'
PERSON = """
[speech]
enabled = false
[messages]
folder = "{home}/messages"
[direct]
enabled = true
rendezvous = "{url}"
directory = "{home}/direct"
"""


def configuration(home: Path, more: str, port: int = 0) -> str:
    home.mkdir(mode=0o700, exist_ok=True)
    path = home / "hullo.toml"
    path.touch(mode=0o600)
    path.write_text(CONFIG.format(home=home, port=port) + more)
    return str(path)


@asynccontextmanager
async def daemon(folder: Path, more: str = SILENT, port: int = 0) -> AsyncIterator[str]:
    """The address of the page of a daemon."""
    async with program("web", "--config", configuration(folder, more, port), until="#") as address:
        yield address


@asynccontextmanager
async def alice_and_bob(folder: Path) -> AsyncIterator[tuple[str, str]]:
    """The addresses of the pages of two people who know each other, and have nothing but a rendezvous."""
    database = str(folder / "rendezvous.db")
    async with program("rendezvous", "--port", "0", "--data", database, until="ws://") as url:
        keys, files = {}, {}
        for name in ("alice", "bob"):
            home = folder / name
            files[name] = configuration(home, PERSON.format(url=url, home=home))
            direct = load_config(Path(files[name])).direct
            create_keys(direct, name, "laptop")
            with open_private(direct) as private:
                keys[name] = private.desk.own.key
        for name, other in (("alice", "bob"), ("bob", "alice")):
            with open_private(load_config(Path(files[name])).direct) as private:
                private.desk.change(other, Change.ADD, keys[other])
        async with AsyncExitStack() as daemons:
            programs = [program("web", "--config", files[name], until="#") for name in ("alice", "bob")]
            alice, bob = await asyncio.gather(*map(daemons.enter_async_context, programs))
            yield alice, bob


KEEP_MICROPHONES = """() => {
  const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  window.microphones = [];
  navigator.mediaDevices.getUserMedia = async (wanted) => {
    await window.permission;
    const stream = await open(wanted);
    window.microphones.push(stream);
    return stream;
  };
}"""
"""The page keeps what it opens in `microphones`; it has to wait for what is in `permission`."""

ALL_CLOSED = """microphones.length > 0 &&
  microphones.every(stream => stream.getTracks().every(track => track.readyState === "ended"))"""


@contextmanager
def stopped(home: Path) -> Iterator[None]:
    """Have the daemon of a configuration stand still."""
    [process] = [one for one in psutil.process_iter(["cmdline"]) if str(home / "hullo.toml") in one.info["cmdline"]]
    process.suspend()
    try:
        yield
    finally:
        process.resume()


async def packets_of_agent(page: PhonePage) -> int:
    """How many packets the page has sent, as the browser counts them."""
    return int(
        await page.page.evaluate("""async () => {
            const stats = [...(await window.hulloPhone.session.leg.stats()).values()];
            return stats.find(one => one.type === "outbound-rtp").packetsSent;
        }""")
    )


def test_a_call_with_the_agent_is_transcribed_muted_and_reported(tmp_path: Path) -> None:
    async def scenario() -> None:
        voice = speech_file(tmp_path / "voice.wav", "what is your name", pause=5.0)
        async with daemon(tmp_path, AGENT) as address, chromium(voice) as context:
            page = PhonePage(await context.new_page())
            await page.open(address)
            assert "#" not in page.page.url, "the secret stays in the address bar"
            await page.sees("#no-recent", "No calls yet")
            await page.page.click("#call-agent")
            await page.sees("#transcript .agent", "Good morning.")
            await page.sees("#transcript .you", "name")  # the rest is for a quieter machine
            await page.sees("#transcript .agent", "name")
            await page.sees("#grade", "Good")
            await page.sees("#plot-delay canvas")
            await page.page.keyboard.press("m")
            await page.sees("#state", "you are muted")
            await page.until("hulloPhone.call.peerMuted")  # as the daemon was told
            await page.page.wait_for_timeout(300)
            sent = await packets_of_agent(page)
            await page.page.wait_for_timeout(700)
            assert await packets_of_agent(page) == sent, "a muted page sends"
            await page.page.click("#mute")
            await page.sees("#state", "0:")
            await page.page.wait_for_timeout(300)
            assert await packets_of_agent(page) > sent
            await page.page.click("#hangup")
            await page.sees("#ended-title", "Call ended: Agent")
            await page.sees("#report", "Answer time")  # the daemon's comes a moment after the page has hung up
            report = await page.text("#report")
            assert "Direct, host to" in report
            await page.page.click("#done")
            await page.sees("#recent", "Agent")
            await page.page.reload()
            await page.sees("#recent", "Agent")
            assert page.errors == []

    with_an_address(scenario)


def test_microphone_and_speaker_are_chosen_and_remembered(tmp_path: Path) -> None:
    async def scenario() -> None:
        tone = tone_file(tmp_path / "tone.wav", 440)
        async with daemon(tmp_path) as address, chromium(tone) as context:
            page = PhonePage(await context.new_page())
            await page.open(address)
            await page.page.click("#open-settings")
            await page.until("document.getElementById('microphone').options.length > 1")
            await page.until("document.getElementById('level-test').ariaValueNow > -30")
            await page.page.select_option("#microphone", index=1)
            await page.page.select_option("#speaker", index=1)
            chosen = [await page.page.locator(which).input_value() for which in ("#microphone", "#speaker")]
            assert all(chosen)
            await page.page.keyboard.press("Escape")
            await page.page.reload()
            await page.sees("#link", "Ready")
            await page.page.click("#open-settings")
            await page.until("document.getElementById('microphone').options.length > 1")
            assert [await page.page.locator(which).input_value() for which in ("#microphone", "#speaker")] == chosen
            assert page.errors == []

    with_an_address(scenario)


def test_two_people_call_each_other_from_their_pages(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with (
            alice_and_bob(tmp_path) as (hers, his),
            chromium(tone_file(tmp_path / "a.wav", 440)) as her_browser,
            chromium(tone_file(tmp_path / "b.wav", 600)) as his_browser,
        ):
            alice, bob = PhonePage(await her_browser.new_page()), PhonePage(await his_browser.new_page())
            await asyncio.gather(alice.open(hers), bob.open(his))
            await alice.sees("#contacts", "bob")
            await alice.sees("#contacts", "Verified")
            await alice.page.click("[aria-label='Call bob']")
            await bob.sees("#ringing-title", "alice calls")
            await bob.page.click("[data-do=answer]")
            await asyncio.gather(alice.sees("#state", "Private call"), bob.sees("#state", "verified"))
            assert await alice.text("#emoji b") == await bob.text("#emoji b") != ""
            await asyncio.gather(alice.hears(600), bob.hears(440))

            await bob.page.reload()  # he comes back to the call
            await bob.sees("#state", "Private call")
            await asyncio.gather(alice.hears(600), bob.hears(440))

            await alice.page.click("#hangup")
            await asyncio.gather(alice.sees("#ended-title", "bob"), bob.sees("#ended-title", "alice"))
            await bob.sees("#ended-detail", "alice hung up")

            await bob.page.click("#again")
            await alice.page.click("#done")
            await alice.page.click("[data-do=decline]")
            await bob.sees("#ended-title", "Declined: alice")
            assert alice.errors == bob.errors == []

    with_an_address(scenario)


def test_who_hangs_up_before_the_call_is_known_has_called_nobody(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with alice_and_bob(tmp_path) as (hers, his), chromium(tone_file(tmp_path / "tone.wav", 440)) as browser:
            alice, bob = PhonePage(await browser.new_page()), PhonePage(await browser.new_page())
            await asyncio.gather(alice.open(hers), bob.open(his))
            await alice.page.evaluate(KEEP_MICROPHONES)
            hung_up = asyncio.Event()

            async def answer_late(route: Route) -> None:
                response = await route.fetch()
                await hung_up.wait()
                await route.fulfill(response=response)

            await alice.page.route("**/calls?**", answer_late)
            await alice.page.click("[aria-label='Call bob']")
            await bob.sees("#ringing-title", "alice calls")
            await alice.page.click("#hangup")
            await alice.sees("#home")
            await alice.until(ALL_CLOSED)
            hung_up.set()
            await bob.page.locator("#ringing").wait_for(state="hidden")
            await bob.sees("#recent", "Missed")
            await alice.until("hulloPhone.calls.live().length === 0")

            await alice.page.evaluate("void (window.permission = new Promise(resolve => window.permit = resolve))")
            await alice.page.click("#call-agent")
            await alice.page.click("#hangup")
            await alice.page.evaluate("window.permit()")
            await alice.until(f"microphones.length === 2 && {ALL_CLOSED}")

            await alice.page.click("#call-agent")
            await alice.until("hulloPhone.calls.live().length === 1")
            await alice.page.click("#hangup")
            await alice.until("hulloPhone.calls.live().length === 0")
            await alice.until(f"microphones.length === 3 && {ALL_CLOSED}")
            assert alice.errors == bob.errors == []

    with_an_address(scenario)


def test_a_path_that_is_lost_for_a_while_comes_back(tmp_path: Path) -> None:
    async def scenario() -> None:
        tone = tone_file(tmp_path / "tone.wav", 440)
        async with alice_and_bob(tmp_path) as (hers, his), chromium(tone) as browser:
            alice, bob = PhonePage(await browser.new_page()), PhonePage(await browser.new_page())
            await asyncio.gather(alice.open(hers), bob.open(his))
            await alice.page.click("[aria-label='Call bob']")
            await bob.page.click("[data-do=answer]")
            await asyncio.gather(alice.sees("#state", "Private call"), bob.sees("#state", "Private call"))
            with stopped(tmp_path / "alice"):  # her daemon does nothing at all, like one behind a dead network
                await asyncio.gather(alice.sees("#state", "Reconnecting…"), bob.sees("#state", "Reconnecting…"))
            await asyncio.gather(alice.sees("#state", "Private call"), bob.sees("#state", "Private call"))
            await alice.hears(440)
            assert alice.errors == bob.errors == []

    with_an_address(scenario)


def test_a_voice_message_is_recorded_sent_and_heard(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with (
            alice_and_bob(tmp_path) as (hers, his),
            chromium(tone_file(tmp_path / "tone.wav", 440)) as browser,
        ):
            alice, bob = PhonePage(await browser.new_page()), PhonePage(await browser.new_page())
            await asyncio.gather(alice.open(hers), bob.open(his))
            await bob.sees("#no-messages", "No messages yet")
            await alice.page.click("[aria-label='Record a voice message for bob']")
            await alice.sees("#recorder-time", "0:02")
            await alice.page.click("#recorder-send")
            await alice.sees("#message-list", "You · 0:0")
            await bob.sees("#message-list .new", "alice")
            await bob.page.click("#message-list [aria-label=Play]")
            await alice.sees("#message-list", "Heard")
            await bob.until("document.querySelector('.wave').ariaValueNow === '0'")
            await bob.page.focus("#message-list .wave")
            await bob.page.keyboard.press("Home")
            await bob.sees("#message-list [aria-label=Pause]")
            await bob.sees("#message-list [aria-label=Play]")
            await bob.page.click("#message-list [aria-label^=Delete]")
            await bob.sees("#no-messages")
            assert alice.errors == bob.errors == []

    with_an_address(scenario)


def test_a_daemon_that_goes_and_comes_back(tmp_path: Path) -> None:
    async def scenario() -> None:
        port = free_port()
        async with chromium(tone_file(tmp_path / "tone.wav", 440)) as context:
            page = PhonePage(await context.new_page())
            async with daemon(tmp_path, port=port) as address:
                await page.open(address)
                await page.page.click("#call-agent")
                await page.sees("#state", "0:0")
            await page.sees("#link", "Trying again")
            await page.sees("#ended-title", "Agent")
            async with daemon(tmp_path, port=port):
                await page.sees("#link", "Ready")
                await page.page.click("#again")
                await page.sees("#state", "0:0")

    with_an_address(scenario)


def test_a_microphone_that_is_denied_and_a_page_without_its_secret_say_what_to_do(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with daemon(tmp_path) as address, chromium(tone_file(tmp_path / "tone.wav", 440)) as context:
            page = PhonePage(await context.new_page())
            await page.page.goto(address.split("#")[0])
            await page.sees("#notice", "Run hullo web")
            await page.page.goto("about:blank")
            await page.open(address)
            await page.page.evaluate(
                """() => {
                  const denied = async () => { throw new DOMException("no", "NotAllowedError"); };
                  navigator.mediaDevices.getUserMedia = denied;
                }"""
            )
            await page.page.click("#call-agent")
            await page.sees("#notice", "may not use the microphone")
            await page.sees("#call-agent")

    with_an_address(scenario)
