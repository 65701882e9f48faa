"""`hullo config`: what can be configured, and whether a file is right."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from hullo.cli.show import complain, fail, out, plain
from hullo.service.config import Config, config_schema, default_config_path, load_config
from hullo.service.config_errors import ConfigError

config = typer.Typer(no_args_is_help=True, help="What can be configured, and whether a file is right.")


@config.command()
def schema() -> None:
    """Print the JSON Schema of the configuration file, for editors."""
    print(msgspec.json.format(msgspec.json.encode(config_schema())).decode())


@config.command()
def check(file: Annotated[Path | None, typer.Argument(help="the file; else the default one")] = None) -> None:
    """Say whether a configuration is right, and what is wrong with it."""
    configuration(file)
    path = file or default_config_path()
    found = "ok" if path.exists() else "not there, so the defaults hold"
    out.print(f"{plain(str(path))}: {found}", soft_wrap=True)


def configuration(file: Path | None) -> Config:
    """The settings of a file and the environment; prints every mistake and ends the command if there are any."""
    try:
        return load_config(file)
    except ConfigError as error:
        for problem in error.problems[:-1]:
            complain(problem)
        fail(error.problems[-1], "hullo config schema lists every setting")
