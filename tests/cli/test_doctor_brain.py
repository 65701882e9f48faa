"""What the doctor says of a brain that is there, and of one that is not."""

from pathlib import Path

import pytest

from hullo.cli.doctor_brain import examine_brain
from hullo.cli.finding import Finding, Verdict


def found(folder: Path, section: str, monkeypatch: pytest.MonkeyPatch) -> list[Finding]:
    (folder / "hullo").mkdir()
    (folder / "hullo" / "hullo.toml").write_text(section)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder))
    return list(examine_brain())


@pytest.mark.parametrize(
    ("section", "verdict", "said"),
    [
        ('[brain]\nkind = "echo"', Verdict.OK, "echo"),
        ('[brain]\nkind = "command"\ncommand = ["cat"]', Verdict.OK, "the command cat"),
        ('[brain]\nkind = "command"\ncommand = ["no-such-cat"]', Verdict.BROKEN, "no program no-such-cat"),
        ('[brain]\nkind = "openai"\nurl = "http://127.0.0.1:1/v1"\nmodel = "m"', Verdict.BROKEN, "is it running"),
        ('[brain]\nkind = "parrot"', Verdict.BROKEN, "brain.kind"),
    ],
)
def test_a_brain_is_looked_for(
    section: str, verdict: Verdict, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [finding] = found(tmp_path, section, monkeypatch)
    assert finding.verdict is verdict
    assert said in finding.found


def test_without_one_there_is_nothing_to_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert found(tmp_path, "", monkeypatch) == []
