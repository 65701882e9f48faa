"""Where the files of this user are, by their names (XDG Base Directory Specification: only absolute paths count)."""

import os
from pathlib import Path
from typing import Final

CONFIG_NAME: Final = "hullo.toml"


def config_path(name: str) -> Path:
    """`$XDG_CONFIG_HOME/hullo/NAME`, or `~/.config/hullo/NAME`: what the user writes."""
    return _path("XDG_CONFIG_HOME", ".config", name)


def state_path(name: str) -> Path:
    """`$XDG_STATE_HOME/hullo/NAME`, or `~/.local/state/hullo/NAME`: what we keep, such as keys."""
    return _path("XDG_STATE_HOME", ".local/state", name)


def data_path(name: str) -> Path:
    """`$XDG_DATA_HOME/hullo/NAME`, or `~/.local/share/hullo/NAME`: what belongs to the user, such as messages."""
    return _path("XDG_DATA_HOME", ".local/share", name)


def cache_path(name: str) -> Path:
    """`$XDG_CACHE_HOME/hullo/NAME`, or `~/.cache/hullo/NAME`: what can be made or fetched again."""
    return _path("XDG_CACHE_HOME", ".cache", name)


def _path(variable: str, usual: str, name: str) -> Path:
    home = Path(os.environ.get(variable, ""))
    return (home if home.is_absolute() else Path.home() / usual) / "hullo" / name
