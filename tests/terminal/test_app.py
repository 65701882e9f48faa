"""The screen at 80x24 and smaller, with keys pressed; the session behind it is real, and so is its server."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, OptionList, Static

from hullo.daemon_client import DaemonClient
from hullo.lines.direct import endings
from hullo.service.history import CallHistory
from hullo.terminal.app import PhoneApp
from hullo.terminal.dialogs import LiveMenu, Menu
from hullo.terminal.menus import Choice
from hullo.terminal.own_daemon import OwnDaemon
from hullo.terminal.session import Session
from tests.service.socket_client import Running, running

SIZES = [(80, 24), (60, 16), (200, 60)]


class Screen:
    """What somebody sees and presses."""

    def __init__(self, app: PhoneApp, pilot: Pilot[str], service: Running) -> None:
        self.app = app
        self.service = service
        self.press = pilot.press
        self.resize = pilot.resize_terminal

    def text(self, name: str) -> str:
        """What a part of the screen says."""
        return str(self.app.screen_stack[0].query_one(f"#{name}", Static).render())

    def lines(self, name: str) -> list[str]:
        """What a list on the screen says."""
        options = self.app.screen_stack[0].query_one(f"#{name}", OptionList)
        return [str(options.get_option_at_index(index).prompt) for index in range(options.option_count)]

    def fits(self, rows: int) -> bool:
        """Whether what matters in a call is within so many rows, and the keys are in the last."""
        regions = [self.app.screen.query_one(f"#{name}").region for name in ("header", "call", "keys")]
        return all(region.height > 0 and region.bottom <= rows for region in regions) and regions[-1].bottom == rows

    def shows(self, name: str) -> bool:
        """Whether a part of the screen is there at all."""
        return bool(self.app.screen_stack[0].query_one(f"#{name}").display)

    async def until(self, what: Callable[[], object]) -> None:
        """Wait until `what` is true, but not for long."""
        async with asyncio.timeout(30):
            while not what():
                await asyncio.sleep(0.02)

    async def answers(self, key: str, text: str) -> None:
        """Press a key that asks for a text, and give it."""
        await self.press(key)
        await self.until(lambda: isinstance(self.app.focused, Input))
        await self.press(*text, "enter")

    async def says(self, name: str, text: str) -> None:
        """Wait until a part of the screen says `text`."""
        await self.until(lambda: text in self.text(name))


@contextlib.asynccontextmanager
async def phone(size: tuple[int, int] = (80, 24)) -> AsyncIterator[Screen]:
    async with running(history=CallHistory(10)) as service, OwnDaemon(service.path, ["false"]) as daemon:
        session = Session(daemon)
        app = PhoneApp(session)
        async with asyncio.TaskGroup() as tasks, app.run_test(size=size) as pilot:
            connected = tasks.create_task(session.run())
            screen = Screen(app, pilot, service)
            await screen.says("header", "can be called")
            yield screen
            connected.cancel()


@pytest.mark.parametrize("size", SIZES)
async def test_a_call_by_keys(size: tuple[int, int]) -> None:
    async with phone(size) as screen:
        screen.service.line.ring("ann")
        await screen.says("call", "CALLS YOU")
        assert "a answer" in screen.text("keys")
        await screen.press("a")
        await screen.says("call", "talking")
        await screen.press("m")
        await screen.says("sound", "you are MUTED")
        await screen.press("h")
        await screen.says("call", "over: you hung up")


async def test_somebody_is_called_by_their_name_and_again_from_the_history() -> None:
    async with phone() as screen:
        await screen.answers("c", "loop:bob")
        await screen.says("call", "talking")
        await screen.press("h")
        await screen.until(lambda: [line[:11] for line in screen.lines("history")] == ["to loop:bob"])
        await screen.press("r")
        await screen.says("call", "talking")
        await screen.press("h")
        await screen.until(lambda: len(screen.lines("history")) == 2)
        await screen.press("tab", "down", "enter")
        await screen.says("call", "talking")


async def test_quitting_in_a_call_is_asked_for() -> None:
    async with phone() as screen:
        await screen.answers("c", "loop:bob")
        await screen.says("call", "talking")
        await screen.press("q", "enter")
        await screen.says("call", "talking")
        await screen.press("q", "down", "enter")
        await screen.until(lambda: not screen.app.is_running)
        assert screen.app.return_value == ""


async def test_ctrl_c_leaves_at_once_whatever_is_open() -> None:
    async with phone() as screen:
        await screen.press("c", "x", "ctrl+c")
        await screen.until(lambda: not screen.app.is_running)


async def test_a_daemon_that_does_not_answer_does_not_hold_the_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    request = DaemonClient.request

    async def answered(client: DaemonClient, method: str, **params: object) -> object:
        return await (asyncio.Event().wait() if method == "call.mute" else request(client, method, **params))

    async with phone() as screen:
        await screen.answers("c", "loop:bob")
        await screen.says("call", "talking")
        monkeypatch.setattr(DaemonClient, "request", answered)
        async with asyncio.timeout(10):
            await screen.press("m", "question_mark")
            await screen.until(lambda: len(screen.app.screen_stack) == 2)
            await screen.press("ctrl+c")
            await screen.until(lambda: not screen.app.is_running)


async def test_text_of_others_moves_no_cursor_and_is_no_markup() -> None:
    async with phone() as screen:
        choices = [Choice("a", "\x1b[2Jbob [b]")]
        for window in (
            Menu("menu", "\x1b[31mann [b]", choices),
            LiveMenu("menu", lambda: "\x1b[31mann [b]", lambda: choices),
        ):
            screen.app.push_window(window)
            await screen.until(lambda: screen.app.screen.query(OptionList))
            options = screen.app.screen.query_one(OptionList)
            await screen.until(lambda: options.option_count)  # noqa: B023
            screen.app.show()
            assert str(screen.app.screen.query_one("#text", Static).render()) == "�[31mann [b]"
            assert str(options.get_option_at_index(0).prompt) == "�[2Jbob [b]"
            await screen.press("escape")


@pytest.mark.parametrize("size", SIZES)
async def test_windows_open_and_close_and_fit(size: tuple[int, int]) -> None:
    async with phone(size) as screen:
        for key in ("question_mark", "s", "plus", "x", "c"):
            await screen.press(key)
            await screen.until(lambda: len(screen.app.screen_stack) == 2)
            assert screen.app.screen.query_one(".window").region.bottom <= size[1]
            await screen.press("escape")
            await screen.until(lambda: len(screen.app.screen_stack) == 1)
        await screen.press("i")
        await screen.says("notice", "you have no invite")
        await screen.press("v")
        await screen.says("notice", "no contact is marked")


async def test_a_resize_in_mid_call_keeps_the_call_and_its_keys_in_sight() -> None:
    async with phone() as screen:
        await screen.answers("c", "loop:bob")
        await screen.says("call", "talking")
        for columns, rows in ((40, 12), (120, 40), (80, 24)):
            await screen.resize(columns, rows)
            await screen.until(lambda rows=rows: screen.fits(rows))  # type: ignore[misc]
            assert screen.shows("captions") is (rows >= 20)


async def test_a_resize_behind_an_open_window_is_not_forgotten() -> None:
    async with phone() as screen:
        await screen.press("question_mark")
        await screen.resize(60, 16)
        await screen.until(lambda: screen.app.size == (60, 16))
        await screen.resize(100, 40)
        await screen.press("escape")
        await screen.until(lambda: len(screen.app.screen_stack) == 1 and screen.fits(40))
        assert screen.shows("captions")
        assert screen.app.screen.query_one("#people").region.width == 30


async def test_the_mark_stays_on_what_it_was_on_when_more_comes() -> None:
    async with phone() as screen:
        for peer in ("ann", "ben"):
            screen.service.line.ring(peer).withdraw(endings.CALLER_GAVE_UP)
            await screen.until(lambda peer=peer: any(peer in line for line in screen.lines("history")))  # type: ignore[misc]
        await screen.press("tab")  # the mark is on ann, who came first
        screen.service.line.ring("cat").withdraw(endings.CALLER_GAVE_UP)
        await screen.until(lambda: len(screen.lines("history")) == 3)
        assert "ann" in screen.lines("history")[2]
        await screen.press("enter")
        await screen.says("notice", "'ann'")  # whom no line knows how to call


async def test_news_may_come_before_a_window_is_drawn() -> None:
    async with phone() as screen:
        screen.app.action_sound()
        screen.app.show()
        await screen.until(lambda: screen.app.screen.query(OptionList))
        screen.app.show()
        await screen.press("escape")
        await screen.until(lambda: len(screen.app.screen_stack) == 1)


async def test_an_invite_that_is_none_is_refused_in_words() -> None:
    async with phone() as screen:
        await screen.answers("plus", "hullo:bob")
        await screen.says("notice", "! that is no invite")
