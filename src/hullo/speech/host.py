"""A host process: one engine behind the Wyoming protocol on a Unix socket.

    python -m hullo.speech.host --role voice --socket /run/user/1000/voice.sock

It prints `ready` when it listens. It is also an ordinary Wyoming server for any other program.
"""

import argparse
import asyncio
import os
import signal
import sys
import threading
from contextlib import suppress
from functools import partial
from pathlib import Path

from wyoming.server import AsyncUnixServer, HandlerFactory

from hullo.speech.engines.espeak import EspeakVoice
from hullo.speech.engines.pocketsphinx import PocketSphinxRecogniser
from hullo.speech.errors import SpeechError
from hullo.speech.recogniser_handler import RecogniserHandler
from hullo.speech.voice_handler import VoiceHandler
from hullo.speech.worker import EngineStuck, Worker

EXIT_CANNOT_RUN = 2
EXIT_STUCK = 3
_JOB_SECONDS = {"recogniser": 60.0, "voice": 20.0}


def main(arguments: list[str] | None = None) -> int:
    """Serve until told to stop; the exit status is 0, or `EXIT_CANNOT_RUN` or `EXIT_STUCK` with a line on stderr."""
    options = _parser().parse_args(arguments)
    os.umask(0o077)
    if options.supervised:
        threading.Thread(target=_leave_with_parent, args=[options.socket], daemon=True).start()
    try:
        worker = Worker()
        factory = _factory(options, worker)
        asyncio.run(_serve(options.socket, factory, worker, _JOB_SECONDS[options.role]))
    except SpeechError as error:
        return _complain(str(error), EXIT_CANNOT_RUN)
    except EngineStuck as error:
        return _complain(str(error), EXIT_STUCK)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="hullo.speech.host", description="A Wyoming server for one speech engine.")
    parser.add_argument("--role", choices=["recogniser", "voice"], required=True)
    parser.add_argument("--socket", type=Path, required=True, help="the Unix socket to listen on")
    parser.add_argument("--voice", default="en-us+f2", help="eSpeak NG's voice")
    parser.add_argument("--speed", type=int, default=160, help="words per minute")
    parser.add_argument("--pitch", type=int, default=40, help="0 to 99")
    parser.add_argument(
        "--supervised",
        action="store_true",
        help="end when standard input closes, and take the socket and its directory (if empty) along",
    )
    return parser


def _factory(options: argparse.Namespace, worker: Worker) -> HandlerFactory:
    if options.role == "voice":
        return partial(VoiceHandler, EspeakVoice(options.voice, options.speed, options.pitch), worker)
    return partial(RecogniserHandler, PocketSphinxRecogniser(), worker)


async def _serve(socket: Path, factory: HandlerFactory, worker: Worker, job_seconds: float) -> None:
    server = AsyncUnixServer(socket)
    await server.start(factory)
    os.chmod(socket, 0o600)
    watch = asyncio.ensure_future(worker.watch(job_seconds))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, watch.cancel)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
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
        socket.parent.rmdir()
    os._exit(0)


def _complain(message: str, status: int) -> int:
    sys.stderr.write(message + "\n")
    sys.stderr.flush()
    return status


if __name__ == "__main__":
    os._exit(main())  # without waiting for the engine's thread, which may never come back
