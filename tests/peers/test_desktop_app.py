"""The window of examples/desktop_app.py on a screen that nobody sees: it calls a daemon that answers, and hangs up."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hullo.lines.direct.private.desk import Change
from hullo.lines.direct.private.opening import open_private
from tests.cli.test_private_calls import person, process

pytestmark = pytest.mark.peer

EXAMPLE = Path(__file__).parents[2] / "examples" / "desktop_app.py"

DRIVER = """
import runpy, sys, time, tkinter
app = runpy.run_path(sys.argv[1])
window = app["Window"](app["load_config"]())
buttons = {}
def find(widget):
    for child in widget.winfo_children():
        if isinstance(child, (tkinter.Button, tkinter.Checkbutton)):
            buttons[child.cget("text")] = child
        find(child)
find(window)

def until(text):
    deadline = time.monotonic() + 30
    while text not in window.status.get():
        assert time.monotonic() < deadline, f"{text!r} does not come: {window.status.get()}"
        window.update()
        time.sleep(0.01)
    print(window.status.get(), flush=True)

until("ready")
window.person.set("nobody")
buttons["Call"].invoke()
until("no line knows")
window.person.set("bob")
buttons["Call"].invoke()
until("talking to bob")
time.sleep(1)  # the window hangs, and the call does not
buttons["Mute"].invoke()
buttons["Hang up"].invoke()
until("we hung up")
window._leave()
"""


@contextmanager
def invisible_screen() -> Iterator[str]:
    """An X server's display."""
    reading, writing = os.pipe()
    with (
        os.fdopen(reading) as display,
        subprocess.Popen(
            ["Xvfb", "-displayfd", str(writing), "-screen", "0", "800x600x24", "-nolisten", "tcp"],
            pass_fds=[writing],
            stderr=subprocess.DEVNULL,
        ) as server,
    ):
        os.close(writing)
        try:
            yield f":{display.readline().strip()}"
        finally:
            server.terminate()


def test_a_window_and_a_call_get_along(tmp_path: Path) -> None:
    rendezvous = ("rendezvous", "--port", "0", "--data", str(tmp_path / "rendezvous.db"))
    with process(*rendezvous, stream="stdout", until="ws://") as url, invisible_screen() as display:
        _, alices = person(tmp_path, "alice", url)
        bob, bobs = person(tmp_path, "bob", url)
        for settings, friend in ((alices, "bob"), (bobs, "alice")):
            with open_private(settings.direct) as private:
                private.desk.change(friend, Change.ADD)
        config = tmp_path / "alice" / "config" / "hullo"
        config.mkdir(parents=True)
        (tmp_path / "alice" / "hullo.toml").rename(config / "hullo.toml")
        environment = {
            **os.environ,
            "DISPLAY": display,
            "XDG_CONFIG_HOME": str(config.parent),
            "HULLO__AUDIO__BACKEND": "null",
        }
        with process("serve", "--config", bob, stream="stderr", until="ready"):
            done = subprocess.run(
                [sys.executable, "-c", DRIVER, str(EXAMPLE)],
                env=environment,
                capture_output=True,
                text=True,
                timeout=100,
                check=False,
            )
        assert done.returncode == 0, done.stderr
        assert "talking to bob, compare" in done.stdout
        assert done.stdout.splitlines()[-1].startswith("over after")
        assert not done.stderr
