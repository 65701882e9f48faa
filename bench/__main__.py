"""The command line of the measurements."""

import argparse
import asyncio
import fcntl
import json
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from rich.console import Console

from bench import (
    crowded,
    density,
    devices,
    direct,
    echo,
    endpointing,
    interruption,
    latency,
    loss,
    messages,
    network,
    nodes,
    rendezvous,
    speaking,
    telegram,
    telegram_media,
    turns,
)
from bench.child import ChildFailed
from bench.devices import PulseAudioMissing
from bench.effort import Effort
from bench.ends.chromium import ChromiumMissing
from bench.messages import FfmpegMissing
from bench.nodes import RedisMissing
from bench.result import RESULTS, Result
from bench.telegram import PeerMissing
from bench.turn_voices import VoiceMissing

BENCHMARKS: Mapping[str, Callable[[Effort], Awaitable[Result]]] = {
    "latency": latency.run,
    "density": density.run,
    "crowded": crowded.run,
    "loss": loss.run,
    "turns": turns.run,
    "endpointing": endpointing.run,
    "interruption": interruption.run,
    "speaking": speaking.run,
    "telegram": telegram.run,
    "telegram_media": telegram_media.run,
    "direct": direct.run,
    "messages": messages.run,
    "rendezvous": rendezvous.run,
    "nodes": nodes.run,
    "echo": echo.run,
    "devices": devices.run,
}

NEED_NETWORK = {"latency", "density", "crowded", "telegram", "telegram_media", "devices"}

MISSING = (
    BlockingIOError,
    network.NetworkUnavailable,
    ChildFailed,
    PulseAudioMissing,
    ChromiumMissing,
    PeerMissing,
    RedisMissing,
    VoiceMissing,
    FfmpegMissing,
)
"""What keeps a question from being answered here; the message says what to do."""


def main() -> int:
    """Run what was asked for; 1 if it could not be measured."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Every figure beside its peer's.")
    parser.add_argument("name", nargs="?", choices=BENCHMARKS, help="one question; all of them without")
    efforts = parser.add_mutually_exclusive_group()
    efforts.add_argument("--quick", action="store_true", help="a rough answer in two minutes or less")
    efforts.add_argument("--rehearse", action="store_true", help="everything once, to see that it works: no answer")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout for each question")
    chosen = parser.parse_args()
    effort = Effort.REHEARSAL if chosen.rehearse else Effort.QUICK if chosen.quick else Effort.FULL
    names = [chosen.name] if chosen.name else list(BENCHMARKS)
    try:
        if NEED_NETWORK.intersection(names):
            network.enter([sys.executable, "-m", "bench", *sys.argv[1:]])
        with _alone():
            for name in names:
                _report(asyncio.run(BENCHMARKS[name](effort)), effort, as_json=chosen.json)  # type: ignore[arg-type]
    except MISSING as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    return 0


@contextmanager
def _alone() -> Iterator[None]:
    """Two measurements at once would measure each other. Raises `BlockingIOError` when one is running."""
    RESULTS.mkdir(exist_ok=True)
    with (RESULTS / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BlockingIOError("another measurement is running here; wait for its end") from None
        yield


def _report(result: Result, effort: Effort, *, as_json: bool) -> None:
    """A rehearsal is shown, but neither kept nor judged."""
    rehearsal = effort is Effort.REHEARSAL
    conditions = {"effort": effort.value, **result.conditions}
    result = replace(result, conditions=conditions, targets=() if rehearsal else result.targets)
    path = None if rehearsal else result.write()
    if as_json:
        print(json.dumps(result.as_json()), flush=True)
        return
    console = Console()
    result.print_table(console)
    console.print(f"  written to {path}\n" if path else "  not written\n", style="dim", highlight=False)


if __name__ == "__main__":
    sys.exit(main())
