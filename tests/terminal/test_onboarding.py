"""The first start: questions, what is written, and what somebody is told who has half of it."""

import locale
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from hullo.lines.direct.private.invite import Invite, parse_invite
from hullo.lines.direct.private.opening import open_private
from hullo.service.config import Config, load_config
from hullo.terminal import onboarding

BOB = Invite("bob", bytes(range(32)), ("wss://example.org/rendezvous",))


class Person:
    """Answers questions, one after the other, and reads what is told."""

    def __init__(self, answers: Iterable[str]) -> None:
        self.answers = [*answers]
        self.read: list[str] = []

    def ask(self, question: str) -> str:
        self.read.append(question)
        return self.answers.pop(0)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "config" / "hullo.toml"


@pytest.fixture
def a_locale_without_unicode() -> Iterator[None]:
    before = locale.setlocale(locale.LC_CTYPE)
    locale.setlocale(locale.LC_CTYPE, "C")
    yield
    locale.setlocale(locale.LC_CTYPE, before)


@pytest.mark.usefixtures("a_locale_without_unicode")
def test_a_configuration_is_utf8_in_every_locale(path: Path) -> None:
    text = '# Grüße\n[calls]\nanswer = "ask"\n'
    onboarding.write(path, text)
    assert path.read_text("utf-8") == text
    assert load_config(path).calls.answer == "ask"


def set_up(path: Path, *answers: str) -> tuple[Config, Person]:
    person = Person(answers)
    settings = load_config(path if path.exists() else None)
    return onboarding.set_up(settings, path, person.ask, person.read.append), person


def test_from_nothing_to_an_invite(path: Path) -> None:
    assert onboarding.is_needed(Config())
    settings, person = set_up(path, "wss://example.org/rendezvous", "alice")
    assert not onboarding.is_needed(settings)
    assert load_config(path) == settings
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with open_private(settings.direct) as private:
        assert private.desk.own.invite is not None
        assert private.desk.own.invite in person.read[-1]
        assert private.desk.contacts() == []


def test_an_invite_brings_the_rendezvous_and_a_contact_whose_key_is_not_verified_yet(path: Path) -> None:
    settings, person = set_up(path, str(BOB), "alice")
    assert settings.direct.rendezvous == BOB.rendezvous
    with open_private(settings.direct) as private:
        (contact,) = private.desk.contacts()
        assert (contact.person, contact.contact, contact.verified) == ("bob", True, False)
        assert contact.safety_number is not None
    assert "bob is among your contacts" in "\n".join(person.read)


def test_wrong_answers_are_explained_and_asked_again(path: Path) -> None:
    wrong = ["", "example.org", "ws://example.org/r", str(BOB)[:-3], "hullo:bob"]
    _, person = set_up(path, *wrong, "ws://127.0.0.1:8770/rendezvous", "Alice!", "alice")
    told = "\n".join(person.read)
    for text in ("neither", "copy all of it", "TLS", "no invite", "small ones"):
        assert text in told


def test_what_stands_in_the_configuration_stays(path: Path) -> None:
    path.parent.mkdir()
    path.write_text('[log]\nlevel = "debug"  # mine\n')
    settings, _ = set_up(path, str(BOB), "alice")
    assert settings.log.level == "debug"
    assert path.read_text().startswith('[log]\nlevel = "debug"  # mine\n')
    assert settings.browser.enabled  # as before


def test_several_nodes_of_a_rendezvous(path: Path) -> None:
    nodes = ("wss://a.example.org/r", "wss://b.example.org/r")
    settings, _ = set_up(path, str(Invite("bob", BOB.key, nodes)), "alice")
    assert settings.direct.rendezvous == nodes


def test_with_a_rendezvous_only_the_name_is_asked(path: Path) -> None:
    path.parent.mkdir()
    path.write_text('[direct]\nenabled = true\nrendezvous = "wss://example.org/r"\n')
    assert onboarding.is_needed(load_config(path))
    settings, person = set_up(path, "alice")
    assert not onboarding.is_needed(settings)
    with open_private(settings.direct) as private:
        invite = private.desk.own.invite
    assert invite is not None
    assert parse_invite(invite).person == "alice"
    assert not any("rendezvous:" in line for line in person.read)


def test_a_section_that_is_switched_off_is_not_written_over(path: Path) -> None:
    path.parent.mkdir()
    path.write_text('[direct]\nenabled = false\nrendezvous = "wss://example.org/r"\n')
    with pytest.raises(onboarding.OnboardingError, match="enabled = true"):
        set_up(path, str(BOB))
    assert "false" in path.read_text()


def test_somebody_who_only_calls_on_telegram_is_not_asked() -> None:
    telegram = {"enabled": True, "api_id": 1, "api_hash": "0" * 32}
    assert not onboarding.is_needed(Config.model_validate({"telegram": telegram}))
