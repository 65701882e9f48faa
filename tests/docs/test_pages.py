"""What the pages name is there: other pages, pictures, headings, settings of the configuration, commands."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from hullo.cli import COMMANDS
from hullo.service.config import Config

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("examples/**/*.md")]
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]

# Pages about every setting of a section would repeat `hullo config schema`; these name what they explain.
_KEY = re.compile(r"`\[([a-z]+)\](?: ([a-z_]+))?[^`]*`")


def sections() -> dict[str, type[BaseModel]]:
    found = {}
    for name, field in Config.model_fields.items():
        assert isinstance(field.annotation, type)
        found[name] = field.annotation
    return found


def tables(value: dict[str, object]) -> Iterator[tuple[str, str]]:
    """Section and setting of everything in a TOML document."""
    for section, settings in value.items():
        if isinstance(settings, dict):
            yield from ((section, name) for name in settings)


def toml_of(page: str) -> Iterator[str]:
    """The configuration files that a page shows, fenced or indented."""
    yield from re.findall(r"^ *```toml\n(.*?)^ *```", page, re.S | re.M)
    blocks = re.findall(r"(?:^(?: {4}.*)?\n)+", page, re.M)
    yield from (block for block in blocks if re.match(r"\n* {4}\[[a-z]+\]\n", block))


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_links_and_pictures_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?://)([^)#]+)[^)]*\)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_every_picture_is_shown() -> None:
    shown = "".join(page.read_text() for page in PAGES)
    assert [picture.name for picture in ROOT.glob("docs/pictures/*") if picture.name not in shown] == []


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_settings_that_are_named_exist(page: Path) -> None:
    text, known = page.read_text(), sections()
    named = [*_KEY.findall(text)]
    for block in toml_of(text):
        named += tables(tomllib.loads(re.sub(r"^ {3,4}", "", block, flags=re.M)))
    for section, setting in named:
        if section in ("tool", "project"):
            continue
        assert section in known, section
        assert not setting or setting in known[section].model_fields, (section, setting)


def test_the_settings_of_the_page_are_all_explained() -> None:
    page = (ROOT / "docs" / "web.md").read_text()
    assert [name for name in sections()["web"].model_fields if f"`{name}`" not in page] == []


def test_every_section_and_command_is_named_somewhere() -> None:
    pages = "".join(page.read_text() for page in PAGES)
    assert [name for name in sections() if f"[{name}]" not in pages] == []
    assert [name for name in COMMANDS if f"hullo {name}" not in pages] == []


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_commands_that_are_named_exist(page: Path) -> None:
    named = re.findall(r"(?:^ {4,}|`|\$ )hullo ([a-z]+)", page.read_text(), re.M)
    assert [name for name in named if name not in COMMANDS] == []
