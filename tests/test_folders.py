"""Where files are kept."""

from collections.abc import Callable
from pathlib import Path

import pytest

from hullo.folders import cache_path, config_path, data_path, state_path


@pytest.mark.parametrize(
    ("path_of", "variable", "usual"),
    [
        (config_path, "XDG_CONFIG_HOME", ".config"),
        (state_path, "XDG_STATE_HOME", ".local/state"),
        (data_path, "XDG_DATA_HOME", ".local/share"),
        (cache_path, "XDG_CACHE_HOME", ".cache"),
    ],
)
def test_a_home_of_their_own_or_the_usual_one(
    path_of: Callable[[str], Path], variable: str, usual: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for home, expected in (
        (str(tmp_path / "own"), tmp_path / "own"),
        ("", tmp_path / usual),
        ("not/absolute", tmp_path / usual),
    ):
        monkeypatch.setenv(variable, home)
        assert path_of("file") == expected / "hullo" / "file"
    monkeypatch.delenv(variable)
    assert path_of("file") == tmp_path / usual / "hullo" / "file"
