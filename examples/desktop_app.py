#!/usr/bin/env python3
"""A messenger's window with private calls: the window has the main loop, hullo an event loop in a thread beside it.

    pip install 'hullo[private,devices]'
    hullo phone                 # once: it makes your name and keys and shows your invite; add a friend, and quit
    python desktop_app.py

Neither loop waits for the other: what the window wants goes over by `call_soon_threadsafe`, what a call tells comes
back through a queue that the window looks into twenty times a second. So a menu held open makes no call stutter.
"""

import asyncio
import queue
import threading
import tkinter as tk
from collections.abc import Callable

import hullo
from hullo.audio.devices.device import DeviceError
from hullo.audio.devices.devices import Devices
from hullo.audio.handset import Handset
from hullo.audio.processing import Processing
from hullo.service.config import Config, load_config


class Calls(threading.Thread):
    """The side of hullo: one call at a time, with the microphone and speaker of this machine."""

    def __init__(self, settings: Config, tell: Callable[[str], None]) -> None:
        super().__init__()
        self._call: hullo.Call | None = None
        self._settings = settings
        self._tell = tell
        self._loop = asyncio.new_event_loop()
        self._over = asyncio.Event()

    def dial(self, person: str) -> None:
        """Call a contact; for the window."""
        self._do(lambda: self._take(self._phone.dial(person)))

    def do(self, action: Callable[[hullo.Call], None]) -> None:
        """Do something with the call, if there is one; for the window."""
        self._do(lambda: None if self._call is None else action(self._call))

    def leave(self) -> None:
        """Hang up and end; for the window."""
        self._do(self._over.set)
        self.join()

    def run(self) -> None:
        """The thread: hullo's event loop until `leave`."""
        self._loop.run_until_complete(self._run())

    def _do(self, action: Callable[[], None]) -> None:
        self._loop.call_soon_threadsafe(self._try, action)

    def _try(self, action: Callable[[], None]) -> None:
        try:
            action()
        except hullo.CallError as error:
            self._tell(str(error))

    async def _run(self) -> None:
        try:
            async with (
                Devices(self._settings.audio.backend) as self._devices,
                hullo.Phone(direct=self._settings.direct, speech=None, answer="ask") as self._phone,
                asyncio.TaskGroup() as self._tasks,
            ):
                incoming = self._tasks.create_task(self._watch())
                self._tell("ready")
                await self._over.wait()
                incoming.cancel()
                if self._call is not None:
                    self._call.hangup()
        except* (hullo.PrivateUnavailable, OSError) as errors:
            self._tell(str(errors.exceptions[0]))

    async def _watch(self) -> None:
        async for call in self._phone.incoming():
            self._take(call)

    def _take(self, call: hullo.Call) -> None:
        if self._call is not None and self._call.state != "ended":
            call.hangup()
            return
        self._call = call
        self._tell(f"{call.peer} calls you" if call.direction == "incoming" else f"calling {call.peer} ...")
        self._tasks.create_task(self._follow(call))

    async def _follow(self, call: hullo.Call) -> None:
        async for event in call.events():
            match event:
                case hullo.Connected(emoji=emoji):
                    self._tell(f"talking to {call.peer}, compare {' '.join(emoji or ())}")
                    self._tasks.create_task(self._talk(call))
                case hullo.Ended(detail=detail, duration=duration):
                    self._tell(f"over after {duration:.0f} s: {detail}")

    async def _talk(self, call: hullo.Call) -> None:
        try:
            echo_free = await asyncio.to_thread(Processing, self._settings.audio.processing())
            async with Handset(self._devices, echo_free) as handset:
                call.set_mouth(handset.mouth)
                call.add_ear(handset.ear)
                await call.wait_ended()
        except DeviceError as error:
            self._tell(f"no sound: {error}")


class Window(tk.Tk):
    """The side of the window. It touches nothing of a call but through `Calls.do`."""

    def __init__(self, settings: Config) -> None:
        super().__init__()
        self.title("hullo")
        self._news: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._calls = Calls(settings, self._news.put)
        self.status = tk.StringVar(value="starting ...")
        self.person = tk.StringVar()
        self.muted = tk.BooleanVar()
        tk.Label(self, textvariable=self.status, width=60, anchor="w").pack(padx=8, pady=8)
        tk.Label(self, text="Whom to call:", anchor="w").pack(fill="x", padx=8)
        tk.Entry(self, textvariable=self.person).pack(fill="x", padx=8)
        row = tk.Frame(self)
        row.pack(padx=8, pady=8)
        for text, action in (("Call", self._dial), ("Answer", self._answer), ("Hang up", self._hang_up)):
            tk.Button(row, text=text, command=action).pack(side="left")
        tk.Checkbutton(row, text="Mute", variable=self.muted, command=self._mute).pack(side="left")
        self.protocol("WM_DELETE_WINDOW", self._leave)
        self._calls.start()
        self._look()

    def _look(self) -> None:
        while not self._news.empty():
            self.status.set(self._news.get())
        self.after(50, self._look)

    def _dial(self) -> None:
        self._calls.dial(self.person.get())

    def _answer(self) -> None:
        self._calls.do(hullo.Call.accept)

    def _hang_up(self) -> None:
        self._calls.do(hullo.Call.hangup)

    def _mute(self) -> None:
        muted = self.muted.get()
        self._calls.do(lambda call: call.set_muted(muted))

    def _leave(self) -> None:
        self._calls.leave()
        self.destroy()


if __name__ == "__main__":
    Window(load_config()).mainloop()
