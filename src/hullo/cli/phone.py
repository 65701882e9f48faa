"""`hullo phone`: a phone in the terminal, for people."""

import asyncio
import signal
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from hullo.cli.config import configuration
from hullo.cli.show import fail, give_up, out
from hullo.daemon_client import DaemonClient, DaemonError, NoDaemon
from hullo.lines.direct.private.errors import PrivateUnavailable
from hullo.lines.direct.private.vault import VaultError
from hullo.service.config import Config, default_config_path
from hullo.service.config_errors import ConfigError
from hullo.terminal import onboarding
from hullo.terminal.own_daemon import DaemonFailed, OwnDaemon, serve_command
from hullo.terminal.session import Session


def phone(
    config: Annotated[Path | None, typer.Option(help="the TOML file; see hullo config schema")] = None,
) -> None:
    """Call people and be called: contacts, calls, devices and history in the terminal, also over ssh.

    It uses the daemon that runs, or starts one that ends with it. The first start asks for what it needs.
    """
    if find_spec("textual") is None:
        fail("the phone needs one more package", "pip install 'hullo[terminal]'")
    settings = configuration(config)
    if onboarding.is_needed(settings) and not asyncio.run(_daemon_runs(settings.rpc.socket)):
        settings = _set_up(settings, config or default_config_path())
    problem = asyncio.run(_run(settings, config))
    if problem:
        fail(problem)


def _set_up(settings: Config, path: Path) -> Config:
    try:
        settings = onboarding.set_up(settings, path, lambda question: input(question), lambda text: print(text))
        input("Enter opens the phone.")
    except (onboarding.OnboardingError, PrivateUnavailable, VaultError, ConfigError, OSError) as error:
        fail(f"{path}: {error}")
    except EOFError:
        print()  # behind the question
        fail("the first start asks some questions", "run it in a terminal, or see docs/phone.md")
    return settings


async def _daemon_runs(socket: Path) -> bool:
    try:
        async with DaemonClient(socket):
            return True
    except NoDaemon:
        return False
    except DaemonError as error:
        give_up(error)


async def _run(settings: Config, config: Path | None) -> str:
    """Show the phone until the person leaves; why it had to end if that was not it."""
    from hullo.terminal.app import PhoneApp  # the library for screens is an extra

    async with OwnDaemon(settings.rpc.socket, serve_command(config)) as daemon:
        session = Session(daemon)
        app = PhoneApp(session)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, app.exit, "")
        async with asyncio.TaskGroup() as tasks:
            connected = tasks.create_task(_connected(session, app.exit))
            problem = await app.run_async(mouse=False)
            await session.leave()
            connected.cancel()
        if daemon.was_started and not problem:
            out.print("ending the daemon that was started for this phone", end=" ... ")
            await daemon.stop()
            out.print("done")
    return problem or ""


async def _connected(session: Session, leave: Callable[[str], None]) -> None:
    try:
        await session.run()
    except (DaemonError, DaemonFailed) as error:
        leave(str(error))
