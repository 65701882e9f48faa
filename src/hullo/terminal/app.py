"""The screen of the phone: shows what a session knows, and turns keys into what it does. It decides nothing itself."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any, ClassVar, Final

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.events import Resize
from textual.geometry import Size
from textual.screen import Screen
from textual.widgets import OptionList, Static

from hullo.lines.direct.private.invite import InviteError, is_invite, parse_invite
from hullo.terminal import menus, wording
from hullo.terminal.dialogs import LiveMenu, Menu, Question
from hullo.terminal.lists import ShownList, plain
from hullo.terminal.menus import Choice
from hullo.terminal.session import Session
from hullo.terminal.state import PhoneState

RING_SECONDS: Final = 2.0
"""Between two rings of the terminal's bell."""

NARROW: Final = 64
"""Columns: with fewer, people are above the call and not beside it."""
SHORT: Final = 20
"""Rows: with fewer, there are neither captions nor history."""


class PhoneApp(App[str]):
    """Drives one session; gives why it had to end, or an empty text when the person wanted it to."""

    CSS_PATH = "app.tcss"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c", "leave", priority=True),
        Binding("q", "ask_to_leave"),
        Binding("a", "answer"),
        Binding("d", "decline"),
        Binding("h", "hang_up"),
        Binding("m", "mute"),
        Binding("t", "push_to_talk"),
        Binding("space", "talk"),
        Binding("l", "caption"),
        Binding("c", "call_somebody"),
        Binding("r", "redial"),
        Binding("v", "card"),
        Binding("plus,n", "add"),
        Binding("i", "invite"),
        Binding("p", "messages"),
        Binding("s", "sound"),
        Binding("x", "forget_history"),
        Binding("question_mark", "keys"),
    ]

    def __init__(self, session: Session) -> None:
        super().__init__(ansi_color=True)
        self._session = session
        self._shown: dict[str, str] = {}
        self._turn = asyncio.Lock()
        self._lists = {"contacts": ShownList(), "history": ShownList()}

    @property
    def _state(self) -> PhoneState:
        return self._session.state

    def compose(self) -> ComposeResult:
        yield Static(id="header")
        with Horizontal(id="middle"):
            with Vertical(id="people"):
                yield OptionList(id="contacts", compact=True)
                yield OptionList(id="history", compact=True)
            with Vertical(id="talk"):
                yield Static(id="call")
                yield Static(id="sound")
                yield Static(id="captions")
        yield Static(id="notice")
        yield Static(id="keys")

    def on_mount(self) -> None:
        """Begin to show."""
        for name in ("contacts", "history", "call", "sound", "captions"):
            self.query_one(f"#{name}").border_title = name
        self.set_interval(1.0, self.show)
        self.set_interval(RING_SECONDS, self._ring)
        self._session.on_change = lambda: self.call_later(self.show)
        self.show()

    def on_resize(self, event: Resize) -> None:
        """Small screens leave out what matters less; lines are cut to the width."""
        for screen in self.screen_stack:  # not by textual's breakpoints, which forget the screens behind a window
            self._fit(screen, event.size)
        self.call_after_refresh(self.show)

    def push_window(self, window: Screen[str], answered: Callable[[str | None], None] | None = None) -> None:
        """Show a window in front; what it gives in the end goes to `answered`."""
        self._fit(window, self.size)
        self.push_screen(window, answered)

    def _fit(self, screen: Screen[Any], size: Size) -> None:
        screen.set_class(size.width < NARROW, "-narrow")
        screen.set_class(size.height < SHORT, "-short")

    # Showing

    def show(self) -> None:
        """Show the state; what is on the screen already is left alone."""
        state, now = self._state, time.monotonic()
        width = max(self.screen_stack[0].query_one("#call").content_size.width, 20)
        people = max(self.screen_stack[0].query_one("#contacts").content_size.width, 16)
        self._text("header", wording.header(state))
        self._text("call", "\n".join(wording.call_lines(state, now)))
        self._text("sound", "\n".join(wording.sound_lines(state, width)))
        self._text("captions", wording.captions_text(state))
        self._text("notice", wording.notice_line(state.notice, now))
        self._text("keys", menus.key_line(state))
        self._list(
            "contacts",
            [each.person for each in state.contacts],
            [wording.contact_line(each, people) for each in state.contacts],
        )
        self._list(
            "history",
            [f"{call.peer} {call.at}" for call in state.history],
            [wording.past_call_line(call, time.time(), people) for call in state.history],
        )
        if isinstance(self.screen, LiveMenu):
            self.screen.refresh_content()

    def _text(self, name: str, text: str) -> None:
        if self._shown.get(name) != text:
            self._shown[name] = text
            self.screen_stack[0].query_one(f"#{name}", Static).update(plain(text))

    def _list(self, name: str, keys: Sequence[str], lines: Iterable[str]) -> None:
        options = self.screen_stack[0].query_one(f"#{name}", OptionList)
        self._lists[name].show(options, keys, [*lines])

    def _ring(self) -> None:
        if self._state.ringing is not None:
            self.bell()

    # Keys

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Enter on a contact or a past call."""
        name = event.option_list.id
        key = self._lists[name].key(event.option_index) if name in self._lists else None
        if key is not None:
            self._call(key if name == "contacts" else key.rpartition(" ")[0])

    def action_answer(self) -> None:
        """Answer whoever rings; another call must be over first."""
        if self._state.ringing is not None and self._state.ringing is not self._state.shown:
            self._session.say("hang up first: h")
            return
        self._do(self._session.answer())

    def action_decline(self) -> None:
        """Decline whoever rings."""
        self._do(self._session.decline())

    def action_hang_up(self) -> None:
        """Hang up, or decline."""
        self._do(self._session.hang_up())

    def action_mute(self) -> None:
        """Mute, or unmute."""
        self._do(self._session.mute())

    def action_caption(self) -> None:
        """Captions on or off."""
        self._do(self._session.caption())

    def action_push_to_talk(self) -> None:
        """Push-to-talk on or off."""
        self._do(self._session.push_to_talk())

    def action_talk(self) -> None:
        """Hold to talk."""
        self._do(self._session.talk())

    def action_redial(self) -> None:
        """Call whom we talked to last."""
        if self._state.history:
            self._call(self._state.history[0].peer)

    def action_call_somebody(self) -> None:
        """Ask whom to call."""
        text = "A contact's name, a Telegram @name or +number, or http://HOST:PORT/call"
        self.push_window(Question("call somebody", text), lambda to: self._call(to or ""))

    def action_add(self) -> None:
        """Ask for an invite."""
        text = (
            "Paste the invite that your friend sent you; it begins with hullo:\n"
            "A name alone will do, too, if you compare the safety number later."
        )
        self.push_window(Question("add a contact", text), lambda text: self._add(text or ""))

    def action_invite(self) -> None:
        """Show our own invite."""
        own = self._state.own
        if not own.invite:
            self._session.say("you have no invite: private calls are not set up; quit, and start hullo phone again")
            return
        text = f"Send this line to a friend, who pastes it after +:\n\n{own.invite}\n"
        choices = [Choice("copy", "Copy it, if your terminal lets programs do that"), Choice("", "Close")]
        self.push_window(Menu("your invite", text, choices), lambda action: self._copy(action, own.invite))

    def action_card(self) -> None:
        """Show the card of whom we talk to, or of the contact that is marked."""
        marked = self._lists["contacts"].key(self.query_one("#contacts", OptionList).highlighted)
        shown = self._state.shown
        contact = self._state.contact(marked or "" if shown is None else shown.peer)
        if contact is None:
            self._session.say("no contact is marked" if shown is None else f"{shown.peer} is no contact")
            return
        person = contact.person
        window = Menu(person, menus.card_text(contact), menus.card_choices(contact))
        self.push_window(window, lambda action: self._change(person, action or ""))

    def action_messages(self) -> None:
        """Show the voice messages."""
        window = LiveMenu(
            "voice messages",
            lambda: wording.playing_line(self._state),
            lambda: menus.message_choices(self._state, time.time()),
            lambda message_id: self._do(self._session.play(message_id)),
        )
        self.push_window(window, lambda _: self._do(self._session.stop_playing()))

    def action_sound(self) -> None:
        """Show microphones and speakers."""
        self._session.wants_levels = True
        window = LiveMenu("sound", self._sound_text, self._sound_choices, self._sound_chosen)
        self.push_window(window, lambda _: setattr(self._session, "wants_levels", False))

    def action_keys(self) -> None:
        """Show all keys."""
        self.push_window(Menu("keys", menus.HELP, [Choice("", "Close")]))

    def action_forget_history(self) -> None:
        """Ask whether to forget all past calls."""
        choices = [Choice("", "Keep them"), Choice("forget", "Forget all past calls")]
        self.push_window(Menu("history", "Forget whom you talked to?", choices), self._forget)

    def action_leave(self) -> None:
        """Ctrl-C."""
        self.exit("")

    def action_ask_to_leave(self) -> None:
        """Leave, but not by mistake out of a call."""
        call = self._state.shown
        if call is None:
            self.exit("")
            return
        choices = [Choice("", "Stay"), Choice("quit", "Hang up and quit")]
        self.push_window(Menu("quit", f"You are in a call with {call.peer}.", choices), self._leave)

    # What windows answer

    def _call(self, to: str) -> None:
        if not to:
            return
        if self._state.shown is not None:
            self._session.say("you are in a call already: h hangs up")
            return
        self._do(self._session.call(to))

    def _add(self, text: str) -> None:
        if not is_invite(text):
            if text:
                self._do(self._session.change_contact(text, "add"))
            return
        try:
            invite = parse_invite(text)
        except InviteError as error:
            self._session.say(str(error), urgent=True)
            return
        if self._state.own.invite and not invite.meets(parse_invite(self._state.own.invite)):
            self._session.say(
                f"{invite.person} is at another rendezvous, {', '.join(invite.rendezvous)}: you need the same one"
            )
            return
        question = Menu(f"add {invite.person}", f"Who gave you the invite of {invite.person}?", menus.INVITED_BY)
        self.push_window(question, lambda how: self._add_invited(invite.person, invite.key.hex(), how or ""))

    def _add_invited(self, person: str, key: str, how: str) -> None:
        if how:
            self._do(self._session.add_invited(person, key, verified=how == "verified"))

    async def _record(self, person: str) -> None:
        if await self._session.record():
            window = LiveMenu(
                f"voice message for {person}",
                lambda: wording.recording_line(self._state.recording),
                lambda: menus.SEND,
            )
            self.push_window(window, lambda action: self._recorded(person, action or ""))

    def _recorded(self, person: str, action: str) -> None:
        session = self._session
        self._do(session.send_recording(person) if action == "send" else session.discard_recording())

    def _do(self, work: Coroutine[Any, Any, object]) -> None:
        """Have it done after what was asked before. Meanwhile the screen lives: a daemon may be slow to answer."""

        async def in_turn() -> None:
            try:
                async with self._turn:
                    await work
            finally:
                work.close()  # where its turn never came

        self.run_worker(in_turn())

    def _change(self, person: str, action: str) -> None:
        if action == "call":
            self._call(person)
        elif action == "record":
            self._do(self._record(person))
        elif action:
            self._do(self._session.change_contact(person, action))

    def _sound_text(self) -> str:
        sound = self._state.sound
        lines = [wording.side_line("mic", sound.microphone, 60), wording.side_line("speaker", sound.speaker, 60)]
        return "\n".join([*lines, sound.problem] if sound.problem else lines)

    def _sound_choices(self) -> list[Choice]:
        return menus.sound_choices(self._state)

    def _sound_chosen(self, action: str) -> None:
        kind, _, device_id = action.partition(":")
        if kind == "take":
            self._do(self._session.take_sound())
        elif kind == "test":
            self._do(self._session.test(device_id))
        else:
            self._do(self._session.choose(kind, device_id or None))

    def _copy(self, action: str | None, text: str) -> None:
        if action == "copy":
            self.copy_to_clipboard(text)
            self._session.say("sent to the clipboard of your terminal; look whether it took it")

    def _forget(self, action: str | None) -> None:
        if action == "forget":
            self._do(self._session.forget_history())

    def _leave(self, action: str | None) -> None:
        if action == "quit":
            self.exit("")
