"""A host process: one engine behind the Wyoming protocol on a Unix socket.

    python -m hullo.speech.hosting.host --role voice --engine piper --socket /run/user/1000/voice.sock

It prints `ready` when it listens, and before that a line of JSON now and then while it downloads a model. It is also an
ordinary Wyoming server for any other program.
"""

import argparse
import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import msgspec
from wyoming.server import AsyncUnixServer, HandlerFactory

from hullo.speech.engines.espeak import EspeakVoice
from hullo.speech.engines.espeak_aligner import EspeakAligner
from hullo.speech.engines.registry import Role, make_engine
from hullo.speech.errors import SpeechError
from hullo.speech.hosting.aligner_handler import AlignerHandler
from hullo.speech.hosting.loading import Loading
from hullo.speech.hosting.priority import LEAST, MOST, give_way
from hullo.speech.hosting.recogniser_handler import RecogniserHandler
from hullo.speech.hosting.voice_handler import VoiceHandler
from hullo.speech.hosting.worker import EngineStuck, Worker

EXIT_CANNOT_RUN = 2
EXIT_STUCK = 3
ALIGNER: Final = "aligner"
ESPEAK: Final = "espeak"
_DEFAULTS = {"recogniser": "pocketsphinx", "voice": ESPEAK}
_REPORT_SECONDS = 0.2

Say: TypeAlias = Callable[[str], None]


def main(arguments: list[str] | None = None) -> int:
    """Serve until told to stop; the exit status is 0, or `EXIT_CANNOT_RUN` or `EXIT_STUCK` with a line on stderr."""
    options = _parser().parse_args(arguments)
    say = _own_output()
    os.umask(0o077)
    give_way(options.nice)
    # Several engines bring onnxruntime, whose wheels report their use unless told not to before they are imported.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    if options.supervised:
        threading.Thread(target=_leave_with_parent, args=[options.socket], daemon=True).start()
    try:
        worker = Worker()
        factory = _factory(options.role, options.engine, _engine_options(options), worker, say)
        asyncio.run(_serve(options.socket, factory, worker, options.job_seconds, say))
    except SpeechError as error:
        return _complain(str(error), EXIT_CANNOT_RUN)
    except EngineStuck as error:
        return _complain(str(error), EXIT_STUCK)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hullo.speech.hosting.host", description="A Wyoming server for one speech engine."
    )
    parser.add_argument("--role", choices=["recogniser", "voice", ALIGNER], required=True)
    parser.add_argument("--engine", help="built in, or an entry point; left out: pocketsphinx, espeak")
    parser.add_argument("--socket", type=Path, required=True, help="the Unix socket to listen on")
    parser.add_argument("--options", type=Path, help="a JSON file with an object of the engine's options")
    parser.add_argument("--job-seconds", type=float, default=60.0, help="longest that the engine may take for one job")
    parser.add_argument(
        "--nice",
        type=int,
        default=LEAST,
        choices=range(LEAST, MOST + 1),
        metavar=f"{LEAST}..{MOST}",
        help="how far it gives way to other processes",
    )
    parser.add_argument(
        "--supervised",
        action="store_true",
        help="end when standard input closes, and take the socket and its directory (if empty) along",
    )
    return parser


def _engine_options(options: argparse.Namespace) -> dict[str, Any]:
    if options.options is None:
        return {}
    try:
        return msgspec.json.decode(options.options.read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.MsgspecError) as error:
        raise SpeechError(f"{options.options} does not hold the options of an engine: {error}") from None


def _own_output() -> Say:
    """How to tell whoever started us; from now on what an engine prints goes to standard error, and so to the log."""
    output = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return lambda line: print(line, file=output, flush=True)


def _factory(
    role: Role | Literal["aligner"], engine: str | None, options: dict[str, Any], worker: Worker, say: Say
) -> HandlerFactory:
    if role == ALIGNER:
        if engine not in (None, ESPEAK) or options:
            raise SpeechError("The aligner is espeak, and takes no options: leave that out")
        return partial(AlignerHandler, EspeakAligner(EspeakVoice()), worker)
    made = make_engine(role, engine or _DEFAULTS[role], options, _Reporter(say).report)
    return partial(VoiceHandler if role == "voice" else RecogniserHandler, made, worker)


class _Reporter:
    """Tells whoever started the host how a download goes, five times a second at most."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._told_at = 0.0

    def report(self, what: str, done: int, total: int) -> None:
        now = time.monotonic()
        if done == total or now - self._told_at >= _REPORT_SECONDS:
            self._told_at = now
            self._say(msgspec.json.encode(Loading(what, done, total)).decode())


async def _serve(socket: Path, factory: HandlerFactory, worker: Worker, job_seconds: float, say: Say) -> None:
    server = AsyncUnixServer(socket)
    await server.start(factory)
    os.chmod(socket, 0o600)
    watch = asyncio.ensure_future(worker.watch(job_seconds))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, watch.cancel)
    say("ready")
    try:
        with suppress(asyncio.CancelledError):
            await watch
    finally:
        await server.stop()


def _leave_with_parent(socket: Path) -> None:
    # A thread, and the hard way out: it has to work while the engine holds everything else up.
    with suppress(OSError):
        while os.read(0, 1024):
            pass
    with suppress(OSError):
        socket.unlink(missing_ok=True)
        socket.with_name("options.json").unlink(missing_ok=True)
        socket.parent.rmdir()
    os._exit(0)


def _complain(message: str, status: int) -> int:
    sys.stderr.write(message + "\n")
    sys.stderr.flush()
    return status


if __name__ == "__main__":
    os._exit(main())  # without waiting for the engine's thread, which may never come back
