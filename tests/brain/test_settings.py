from datetime import date
from pathlib import Path

import pytest
from pydantic import ValidationError

from hullo.brain.brain import BrainError
from hullo.brain.settings import BrainConfig


def test_a_program_that_is_not_there_is_told_before_anybody_calls() -> None:
    with pytest.raises(BrainError, match=r"no program '/no/such/program'.*check \[brain\] command"):
        BrainConfig(kind="command", command=["/no/such/program"]).maker(nobody)


def nobody(_: Path) -> str:
    raise AssertionError("there is no key")


def test_without_a_kind_there_is_no_brain() -> None:
    assert BrainConfig().maker(nobody) is None


def test_each_kind_has_its_maker_and_the_key_comes_from_its_file(tmp_path: Path) -> None:
    asked: list[Path] = []

    def read(path: Path) -> str:
        asked.append(path)
        return "key"

    assert BrainConfig(kind="echo").maker(nobody) is not None
    assert BrainConfig(kind="command", command=["cat"]).maker(nobody) is not None
    config = BrainConfig(kind="openai", url="http://localhost:1/v1", model="m", api_key_file=tmp_path)
    assert config.maker(read) is not None
    assert asked == [tmp_path]
    assert config.attendant().prompt


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"kind": "command"}, "needs command"),
        ({"kind": "openai", "url": "http://localhost:1/v1"}, "needs url and model"),
        ({"kind": "openai", "url": "localhost", "model": "m"}, "base of a chat endpoint"),
        ({"kind": "echo", "model": "m"}, "model would be ignored"),
        ({"kind": "openai", "url": "http://a/v1", "model": "m", "command": ["cat"]}, "command would be ignored"),
        ({"kind": "openai", "url": "http://a/v1", "model": "m", "options": {"stream": False}}, "hullo sets that"),
        ({"kind": "openai", "url": "http://a/v1", "model": "m", "api_key": "a", "api_key_file": "/b"}, "both set"),
        ({"url": "http://localhost:1/v1"}, "url would be ignored"),
        ({"greeting": "Hello."}, "greeting would be ignored: set kind"),
        ({"kind": "echo", "silence_seconds": 0.5}, "1 or more, or 0"),
        ({"kind": "echo", "silence_seconds": 0, "goodbye": "Bye."}, "goodbye would be ignored: silence_seconds is 0"),
        ({"kind": "echo", "timeout_seconds": 1}, "timeout_seconds would be ignored"),
        ({"kind": "command", "command": [""]}, "needs command"),
        ({"kind": "openai", "url": "http://a:99999/v1", "model": "m"}, "base of a chat endpoint"),
        (
            {"kind": "openai", "url": "http://a/v1", "model": "m", "options": {"stop": date(2026, 1, 1)}},
            "go out as JSON",
        ),
    ],
)
def test_what_does_not_fit_together(settings: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        BrainConfig.model_validate(settings)
