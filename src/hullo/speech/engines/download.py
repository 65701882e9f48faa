"""Files of models from the Hugging Face hub, or a mirror of it, with progress; each is there whole or not at all."""

import json
import os
import urllib.request
from collections.abc import Callable
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import TypeAlias
from urllib.error import HTTPError

from hullo.folders import cache_path
from hullo.speech.errors import SpeechError

Report: TypeAlias = Callable[[str, int, int], None]
"""Takes what is being downloaded, and how many bytes of how many are there."""

_BLOCK = 1 << 18
_SILENT_SECONDS = 30.0


def models_directory() -> Path:
    """`$XDG_CACHE_HOME/hullo/models`, or `~/.cache/hullo/models`."""
    return cache_path("models")


def repository_files(repository: str, what: str) -> list[str]:
    """The names of all files of a model repository that holds `what`. Raises `SpeechError`."""
    with _open(f"{_hub()}/api/models/{repository}", what) as response:
        try:
            return [str(one["rfilename"]) for one in json.load(response)["siblings"]]
        except (ValueError, KeyError, TypeError):
            raise SpeechError(f"{_hub()} does not answer like the Hugging Face hub: check HF_ENDPOINT") from None


def download(repository: str, files: list[str], directory: Path, what: str, report: Report) -> None:
    """Fetch those of `files` that `directory` lacks, under their last names. Raises `SpeechError`."""
    directory.mkdir(parents=True, exist_ok=True)
    for name in files:
        path = directory / name.rpartition("/")[2]
        if not path.exists():
            _fetch(f"{_hub()}/{repository}/resolve/main/{name}", path, f"{what}: {path.name}", report)


def _hub() -> str:
    return os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")


def _fetch(url: str, path: Path, what: str, report: Report) -> None:
    partial = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with _open(url, what) as response, partial.open("wb") as file:
            total, done = int(response.headers.get("Content-Length") or 0), 0
            while block := response.read(_BLOCK):
                file.write(block)
                done += len(block)
                report(what, done, total)
            if total and done != total:
                raise SpeechError(f"The download of {what} broke off after {done} of {total} bytes: try again")
        partial.replace(path)
    except (OSError, HTTPException) as error:
        raise SpeechError(f"The download of {what} failed ({error}): try again") from None
    finally:
        partial.unlink(missing_ok=True)


def _open(url: str, what: str) -> HTTPResponse:
    try:
        opened: HTTPResponse = urllib.request.urlopen(url, timeout=_SILENT_SECONDS)
    except HTTPError as error:
        raise SpeechError(f"{_begun(what)} is not at {url} (status {error.code}): check its name") from None
    except (OSError, HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise SpeechError(
            f"{_begun(what)} is not on this machine and {_hub()} can't be reached ({reason}): connect it once, or put "
            "the files there yourself and set their path"
        ) from None
    return opened


def _begun(what: str) -> str:
    return what[:1].upper() + what[1:]
