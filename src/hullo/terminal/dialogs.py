"""The windows in front of the phone: a question, a menu, and the devices."""

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static

from hullo.terminal.lists import ShownList, plain
from hullo.terminal.menus import Choice


class Question(ModalScreen[str]):
    """Asks for a line of text; gives it, or an empty one when the person does not want to."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "give_up", priority=True)]

    def __init__(self, title: str, text: str) -> None:
        super().__init__()
        self._title = title
        self._text = text

    def compose(self) -> ComposeResult:
        with Vertical(classes="window") as window:
            window.border_title = self._title
            yield Static(plain(self._text))
            yield Input(compact=True)
            yield Static("Enter: done   Esc: leave it", classes="hint")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter."""
        self.dismiss(event.value.strip())

    def action_give_up(self) -> None:
        """Escape."""
        self.dismiss("")


class Menu(ModalScreen[str]):
    """Shows a text and choices; gives the action of the one that is chosen, or an empty one."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "give_up")]

    def __init__(self, title: str, text: str, choices: Sequence[Choice]) -> None:
        super().__init__()
        self._title = title
        self._text = text
        self._choices = choices
        self._shown = ShownList()

    def compose(self) -> ComposeResult:
        with Vertical(classes="window") as window:
            window.border_title = self._title
            with VerticalScroll(classes="text"):
                yield Static(plain(self._text), id="text")
            yield OptionList(compact=True)
            yield Static("Up, Down, Enter: choose   Esc: close", classes="hint")

    def on_mount(self) -> None:
        """Keys are for the choices; Tab goes to a text that is too long for the screen."""
        options = self.query_one(OptionList)
        self.fill(options, self._choices)
        options.focus()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Enter."""
        self.chosen(self._shown.key(event.option_index) or "")

    def fill(self, options: OptionList, choices: Sequence[Choice]) -> None:
        """Show these choices."""
        self._shown.show(options, [choice.action for choice in choices], [choice.text for choice in choices])

    def chosen(self, action: str) -> None:
        """What a choice does."""
        self.dismiss(action)

    def action_give_up(self) -> None:
        """Escape."""
        self.dismiss("")


class LiveMenu(Menu):
    """A menu whose text and choices may change. With `on_choice` it stays open after a choice."""

    def __init__(
        self,
        title: str,
        text: Callable[[], str],
        choices: Callable[[], Sequence[Choice]],
        on_choice: Callable[[str], None] | None = None,
    ) -> None:
        super().__init__(title, text(), choices())
        self._live_text = text
        self._live_choices = choices
        self._on_choice = on_choice

    def chosen(self, action: str) -> None:
        """Do it."""
        if action and self._on_choice is not None:
            self._on_choice(action)
        else:
            self.dismiss(action)

    def refresh_content(self) -> None:
        """Show what is true now; nothing before the window is there."""
        for text in self.query("#text").results(Static):
            text.update(plain(self._live_text()))
        for options in self.query(OptionList):
            self.fill(options, self._live_choices())
