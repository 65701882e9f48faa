"""The first start: from nothing to a name, keys, a configuration, and an invite to hand to a friend."""

import os
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Final

from hullo.lines.direct.private.desk import Change
from hullo.lines.direct.private.invite import Invite, InviteError, is_invite, parse_invite
from hullo.lines.direct.private.opening import create_keys, has_keys, machine_name, open_private
from hullo.lines.direct.private.settings import DirectConfig, check_rendezvous
from hullo.service.config import Config, load_config

Ask = Callable[[str], str]
Tell = Callable[[str], None]

WELCOME: Final = """\
Welcome to hullo. Two answers, and you can call and be called.

Private calls need a small server where you and your friends find each other,
a rendezvous. It sees names and who is there, and hears and reads nothing.
  * A friend who has one sends you an invite, which begins with hullo:
  * To run one: hullo rendezvous. It prints its address, which begins with
    wss://, or with ws:// as long as it is only for this machine."""

_FRESH: Final = """\
# Written by hullo phone; `hullo config schema` lists every setting.

[browser]
enabled = false  # true: web pages can call, too

[speech]
enabled = false  # true: captions of what they say (pip install 'hullo[speech]'), and a voice for agents
"""


class OnboardingError(Exception):
    """It can't be set up by itself; the text says what to do."""


def is_needed(settings: Config) -> bool:
    """Whether nobody can be called, or private calls have no keys yet."""
    if settings.direct.enabled:
        return not has_keys(settings.direct)
    return not settings.telegram.enabled


def set_up(settings: Config, path: Path, ask: Ask, tell: Tell) -> Config:
    """Ask what is needed, write it to the configuration at `path`, make the keys; the configuration as it is then.

    Raises `OnboardingError`, and what `create_keys` raises.
    """
    tell(WELCOME)
    friend = None
    if not settings.direct.enabled:
        rendezvous, friend = _ask_rendezvous(ask, tell)
        write(path, with_direct(_read(path), rendezvous))
        settings = load_config(path)
    if not has_keys(settings.direct):
        _make_keys(settings.direct, ask, tell)
    with open_private(settings.direct) as private:
        if friend is not None:
            private.desk.change(friend.person, Change.ADD, friend.key.hex())
            private.desk.change(friend.person, Change.UNVERIFY)
        own = private.desk.own
    tell(f"\nYou are {own.person}.\n  settings: {path}\n  keys:     {settings.direct.directory}")
    if friend is not None:
        tell(f"{friend.person} is among your contacts. Compare the safety number when you talk: key v.")
    tell(f"\nYour invite, for your friends to paste into their phone:\n\n{own.invite}\n")
    return settings


def with_direct(text: str, rendezvous: tuple[str, ...]) -> str:
    """A configuration with private calls added to it. Raises `OnboardingError` where it has a section for them."""
    if "direct" in tomllib.loads(text):
        raise OnboardingError(
            '[direct] is there but not switched on: write enabled = true and rendezvous = "wss://..."'
        )
    nodes = ", ".join(f'"{node}"' for node in rendezvous)
    value = nodes if len(rendezvous) == 1 else f"[{nodes}]"
    return f"{text or _FRESH}\n[direct]\nenabled = true\nrendezvous = {value}\n"


def write(path: Path, text: str) -> None:
    """Replace the file as a whole; only its owner may read it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as file:
        file.write(text.encode())
    draft.replace(path)


def _read(path: Path) -> str:
    return path.read_text("utf-8") if path.exists() else ""


def _ask_rendezvous(ask: Ask, tell: Tell) -> tuple[tuple[str, ...], Invite | None]:
    while True:
        answer = ask("\nAn invite of a friend, or the address of a rendezvous: ").strip()
        try:
            if is_invite(answer):
                invite = parse_invite(answer)
                return invite.rendezvous, invite
            check_rendezvous(answer)
        except InviteError as error:
            tell(str(error))
        except ValueError as error:
            tell(f"that is neither: {error}")
        else:
            return (answer,), None


def _make_keys(direct: DirectConfig, ask: Ask, tell: Tell) -> None:
    while True:
        try:
            create_keys(direct, ask("Your name there (small letters, digits, dots, hyphens): ").strip(), machine_name())
        except ValueError as error:
            tell(str(error))
        else:
            return
