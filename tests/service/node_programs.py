"""Programs for Node.js, with the packages that they need."""

import asyncio
import fcntl
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parent / "node"


def node() -> str:
    """The path of Node.js; a test that needs it is skipped where there is none."""
    found = shutil.which("node")
    if found is None:
        pytest.skip("Node.js is not installed: apt-get install nodejs npm")
    return found


def install_packages() -> None:
    """Install what package-lock.json names, once; tests in another process wait until it is done."""
    node()
    wanted, installed = FOLDER / "package-lock.json", FOLDER / "node_modules" / ".package-lock.json"
    with wanted.open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # npm begins by removing what the other one has just installed
        if installed.exists() and installed.stat().st_mtime >= wanted.stat().st_mtime:
            return
        done = subprocess.run(
            ["npm", "ci", "--no-audit", "--no-fund"],
            cwd=FOLDER,
            capture_output=True,
            text=True,
            timeout=110,
            check=False,
        )
    if done.returncode != 0:
        pytest.fail(f"npm ci in {FOLDER} failed:\n{done.stderr}")


async def run_node(script: Path, *arguments: str) -> Any:
    """Run a program to its end and give the JSON that it prints."""
    process = await asyncio.create_subprocess_exec(
        node(), str(script), *arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        async with asyncio.timeout(40):
            output, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, errors.decode()
    return json.loads(output)
