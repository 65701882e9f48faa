"""What is wrong with a configuration, in words: where it stands, what is wrong with it, what to do."""

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

ENV_PREFIX = "HULLO__"

Location: TypeAlias = tuple[int | str, ...]

_TABLE = re.compile(r"\s*\[(\[)?\s*([^\]#]+?)\s*\]")
_KEY = re.compile(r"\s*([A-Za-z0-9_.\"'\- ]+?)\s*=")


class ConfigError(Exception):
    """The configuration can't be used. `problems` has one sentence each."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = list(problems)


@dataclass(frozen=True, slots=True)
class Source:
    """A configuration file and its text; empty if there is none."""

    path: Path
    text: str


def explain(error: ValidationError, model: type[BaseModel], source: Source, environ: Mapping[str, str]) -> list[str]:
    """Each thing that `error` found, as one sentence."""
    found = error.errors(include_input=False, include_url=False, include_context=False)
    return [f"{_origin(one['loc'], source, environ)}: {_sentence(one, model)}" for one in found]


def unknown_variables(model: type[BaseModel], environ: Mapping[str, str]) -> list[str]:
    """Variables with our prefix that name no section: the settings library would ignore them."""
    sections = list(model.model_fields)
    wrong = []
    for name in environ:
        if name.upper().startswith(ENV_PREFIX):
            section = name[len(ENV_PREFIX) :].split("__")[0].lower()
            if section not in sections:
                wrong.append(
                    f"environment variable {name}: there is no section {section!r}{_instead(section, sections)}"
                )
    return wrong


def line_of(text: str, location: Location) -> int | None:
    """The number of the line of a TOML text that comes nearest to `location`, or None if nothing of it is there."""
    best_line, best_depth = None, 0
    for number, found in _keys(text):
        depth = len(found)
        if depth > best_depth and location[:depth] == found:
            best_line, best_depth = number, depth
    return best_line


def _keys(text: str) -> Iterator[tuple[int, Location]]:
    """Line number and location of every table and key, as far as a look at single lines shows them."""
    table: Location = ()
    seen: dict[Location, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if header := _TABLE.match(line):
            table = _parts(header[2])
            if header[1]:
                seen[table] = seen.get(table, -1) + 1
                table = (*table, seen[table])
            yield number, table
        elif key := _KEY.match(line):
            yield number, (*table, *_parts(key[1]))


def _parts(dotted: str) -> Location:
    return tuple(part.strip(" \"'") for part in dotted.split("."))


def _origin(location: Location, source: Source, environ: Mapping[str, str]) -> str:
    names = {name.upper(): name for name in environ}
    for depth in range(len(location), 0, -1):
        variable = ENV_PREFIX + "__".join(str(part) for part in location[:depth]).upper()
        if variable in names:
            return f"environment variable {names[variable]}"
    line = line_of(source.text, location)
    return f"{source.path}, line {line}" if line is not None else str(source.path)


def _sentence(found: ErrorDetails, model: type[BaseModel]) -> str:
    location = found["loc"]
    name = ".".join(str(part) for part in location)
    parent = _model_at(model, location[:-1])
    if found["type"] == "extra_forbidden" and parent is not None:
        known = list(parent.model_fields)
        what = "section" if len(location) == 1 else "setting"
        return f"there is no {what} {name!r}{_instead(str(location[-1]), known)}"
    wrong = found["msg"].removeprefix("Value error, ").replace("Input should", "it should")
    return f"{name}: {wrong}{_purpose(parent, location)}"


def _purpose(parent: type[BaseModel] | None, location: Location) -> str:
    field = parent.model_fields.get(str(location[-1])) if parent is not None and location else None
    return f" ({' '.join(field.description.split())})" if field is not None and field.description else ""


def _instead(name: str, known: Sequence[str]) -> str:
    nearest = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.6)
    return f", did you mean {nearest[0]!r}?" if nearest else f"; there are: {', '.join(known)}"


def _model_at(model: type[BaseModel], location: Location) -> type[BaseModel] | None:
    """The model of the section at `location`."""
    found: Any = model
    for part in location:
        if isinstance(part, int):
            continue
        field = found.model_fields.get(part)
        found = _section_in(field.annotation) if field is not None else None
        if found is None:
            return None
    return found  # type: ignore[no-any-return]


def _section_in(annotation: Any) -> type[BaseModel] | None:
    """The model that an annotation such as `list[Model]` speaks of."""
    for candidate in (annotation, *get_args(annotation)):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None
