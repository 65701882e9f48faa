"""The way of an update to a device, with the faults that are asked for."""

import asyncio
from collections.abc import Callable
from typing import Any

from hullo.demo.loopback_telegram.device import Device
from hullo.demo.loopback_telegram.faults import Faults


class Delivery:
    """Sends updates at once, or twice, or late, or in the wrong order."""

    def __init__(self, faults: Faults, clock: Callable[[], float]) -> None:
        self._faults = faults
        self._clock = clock
        self._held: dict[int, Any] = {}
        self._timers: set[asyncio.TimerHandle] = set()

    def send(self, device: Device, body: Any) -> None:
        """Bring one update on its way."""
        for _ in range(2 if self._faults.duplicate_updates else 1):
            if self._faults.delay_updates:
                self._later(self._faults.delay_updates, lambda: self._push(device, body))
            elif self._faults.reorder_updates:
                self._swap(device, body)
            else:
                self._push(device, body)

    def close(self) -> None:
        """Forget what has not been sent yet."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self._held.clear()

    def _push(self, device: Device, body: Any) -> None:
        device.push(body, self._clock())

    def _swap(self, device: Device, body: Any) -> None:
        held = self._held.pop(device.id, None)
        if held is None:
            self._held[device.id] = body
            self._later(self._faults.reorder_window, lambda: self._release(device, body))
        else:
            self._push(device, body)
            self._push(device, held)

    def _release(self, device: Device, body: Any) -> None:
        if self._held.get(device.id) is body:
            del self._held[device.id]
            self._push(device, body)

    def _later(self, delay: float, action: Callable[[], None]) -> None:
        def run() -> None:
            self._timers.discard(timer)
            action()

        timer = asyncio.get_running_loop().call_later(delay, run)
        self._timers.add(timer)
