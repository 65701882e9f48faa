#!/usr/bin/env python3
"""A gateway in plain Python: takes the calls of a hullo daemon and talks with whoever calls.

    python gateway.py [SOCKET]

The daemon hears and speaks; this program decides what is said. Put your agent into `answer_to`.
"""

import asyncio
import itertools
import json
import os
import re
import signal
import sys
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any

GREETING = "Hello, this is Hullo. How can I help you?"
UNCLEAR = "Sorry, I did not understand that."

Request = Callable[..., Awaitable[Any]]
Rule = Callable[[datetime], tuple[str, bool]]

RULES: list[tuple[str, Rule]] = [
    (r"\b(good ?bye|bye|hang up|that (is|was) all)\b", lambda now: ("Goodbye, and thank you for calling.", True)),
    (
        r"\bwhat can you\b|\bhelp\b",
        lambda now: ("I can tell you the time and the day, and talk about the weather.", False),
    ),
    (r"\bname\b", lambda now: ("My name is Hullo.", False)),
    (r"\b(human|machine|computer|robot)\b", lambda now: ("I am a machine, and I like to talk.", False)),
    (r"\btime\b|\bclock\b", lambda now: (f"It is {now.hour} {spoken_minutes(now.minute)}.", False)),
    (r"\bday\b|\bdate\b", lambda now: (f"Today is {now:%A}.", False)),
    (
        r"\bweather\b|\brain\b|\bsun\b",
        lambda now: ("I have no window, but I hope the sun shines where you are.", False),
    ),
    (r"\bthank", lambda now: ("You are welcome. Is there anything else?", False)),
    (r"\b(hello|hi|hey)\b", lambda now: ("Hello. Ask me for the time, or about the weather.", False)),
]


def answer_to(heard: str, now: datetime) -> tuple[str, bool]:
    """What to answer to `heard`: the words, and whether to hang up after them."""
    for pattern, answer in RULES:
        if re.search(pattern, heard.lower()):
            return answer(now)
    return f"You said: {heard}. I only know the time, the day and the weather.", False


def spoken_minutes(minutes: int) -> str:
    """Minutes as a clock is read out."""
    if minutes == 0:
        return "o'clock"
    return f"oh {minutes}" if minutes < 10 else str(minutes)


class RequestFailed(Exception):
    """The daemon refused a request, or is gone."""


class Agent:
    """Takes calls: what to do when something happens to one. `request` sends a request and gives its result."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.taken: set[str] = set()  # calls that we have answered
        self.speaking: dict[str, set[str]] = {}  # call_id -> utterance_ids that are not over
        self.last_words: set[str] = set()  # utterances to hang up after
        self.apologised: set[str] = set()  # calls that were just told that they were not understood

    async def begin(self) -> None:
        """Take over the calls that were there before we were."""
        for call in await self.request("call.list", live=True):
            if call["status"] == "incoming":
                await self.on_incoming(call)

    async def handle(self, method: str, params: dict[str, Any]) -> None:
        """Something happened to a call."""
        match method:
            case "call.incoming":
                await self.on_incoming(params)
            case "call.connected":
                say(params["call_id"], f"connected after {params['setup_ms']} ms")
                await self.speak(params["call_id"], GREETING)
            case "call.speech":
                await self.on_speech(params["call_id"], params["text"], params["call_over"])
            case "call.unclear":
                await self.on_unclear(params["call_id"])
            case "call.spoken" | "call.interrupted":
                await self.on_utterance_over(method, params["call_id"], params["utterance_id"])
            case "call.error":
                say(params["call_id"], f"error in the {params['component']}: {params['error']}")
                if params["utterance_id"] is not None:
                    await self.on_utterance_over(method, params["call_id"], params["utterance_id"])
            case "call.ended":
                self.on_ended(params)

    async def on_incoming(self, call: dict[str, Any]) -> None:
        """Somebody calls; a call can be in the list and told by an event."""
        if call["call_id"] in self.taken:
            return
        self.taken.add(call["call_id"])
        say(call["call_id"], f"rings, from {call['peer']}")
        await self.request("call.accept", call_id=call["call_id"])

    async def on_speech(self, call_id: str, text: str, call_over: bool) -> None:
        """The caller said something; words that are still being spoken are cut short by it."""
        say(call_id, f"heard: {text}")
        if call_over:
            return  # nobody would hear an answer
        self.apologised.discard(call_id)
        if self.speaking.get(call_id):
            await self.request("call.interrupt", call_id=call_id)
        answer, last = answer_to(text, datetime.now())
        await self.speak(call_id, answer, last)

    async def on_unclear(self, call_id: str) -> None:
        """The caller was not understood; noise must not make us apologise for ever."""
        if call_id not in self.apologised:
            self.apologised.add(call_id)
            await self.speak(call_id, UNCLEAR)

    async def speak(self, call_id: str, text: str, last: bool = False) -> None:
        """Say something."""
        say(call_id, f"says: {text}")
        utterance = await self.request("call.speak", call_id=call_id, text=text)
        self.speaking.setdefault(call_id, set()).add(utterance["utterance_id"])
        if last:
            self.last_words.add(utterance["utterance_id"])

    async def on_utterance_over(self, method: str, call_id: str, utterance_id: str) -> None:
        """Something was said to its end, cut short, or could not be said."""
        self.speaking.get(call_id, set()).discard(utterance_id)
        if utterance_id in self.last_words:
            self.last_words.discard(utterance_id)
            if method != "call.interrupted":
                await self.request("call.hangup", call_id=call_id)

    def on_ended(self, params: dict[str, Any]) -> None:
        """The call is over."""
        say(params["call_id"], f"ended after {params['duration']:.1f} s: {params['reason']}")
        self.last_words -= self.speaking.pop(params["call_id"], set())
        self.taken.discard(params["call_id"])
        self.apologised.discard(params["call_id"])


class Connection:
    """One connection to the daemon: newline-delimited JSON-RPC 2.0."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._events: asyncio.Queue[dict[str, Any]] = asyncio.Queue(10_000)

    async def converse(self) -> None:
        """Serve the calls of the daemon until it is lost. Events are handled one after the other."""
        async with asyncio.TaskGroup() as tasks:
            handling = tasks.create_task(self._handle(Agent(self.request)))
            await self._read()
            handling.cancel()
            self._writer.close()

    async def _read(self) -> None:
        try:
            while line := await self._reader.readline():
                message = json.loads(line)
                if "method" in message:
                    self._events.put_nowait(message)
                else:
                    self._settle(message)
        except ConnectionError as error:
            print(f"the connection broke: {error}", file=sys.stderr, flush=True)

    async def request(self, method: str, **params: Any) -> Any:
        """The result of a method of the daemon. Raises `RequestFailed`."""
        request_id = next(self._ids)
        message = {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}
        self._waiting[request_id] = asyncio.get_running_loop().create_future()
        self._writer.write(json.dumps(message).encode() + b"\n")
        try:
            return await self._waiting[request_id]
        finally:
            del self._waiting[request_id]

    async def _handle(self, agent: Agent) -> None:
        await self._try(agent.begin())
        while True:
            event = await self._events.get()
            await self._try(agent.handle(event["method"], event["params"]))

    async def _try(self, work: Awaitable[None]) -> None:
        try:
            await work
        except RequestFailed as error:
            print(error, file=sys.stderr, flush=True)

    def _settle(self, response: dict[str, Any]) -> None:
        future = self._waiting.get(response["id"]) if response["id"] is not None else None
        if "error" not in response:
            if future is not None:
                future.set_result(response["result"])
            return
        error = response["error"]
        failure = RequestFailed(f"{error['message']} ({error.get('data', {}).get('hint')})")
        if future is not None:
            future.set_exception(failure)
        else:
            print(failure, file=sys.stderr, flush=True)


def say(call_id: str, what: str) -> None:
    """Show what goes on."""
    print(f"{call_id}  {what}", flush=True)


def explain(path: str, error: OSError | None) -> str:
    """Why there is no connection, and what to do."""
    if isinstance(error, FileNotFoundError):
        return f'no daemon at {path}: start one with "hullo serve"'
    if isinstance(error, ConnectionRefusedError):
        return f'the daemon of {path} is gone: start it again with "hullo serve"'
    if isinstance(error, PermissionError):
        return f"{path} belongs to another user: run this as the user of the daemon"
    return f"lost the daemon at {path}" + (f": {error}" if error else "")


def default_socket() -> str:
    """Where a daemon listens when it is not told otherwise."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    return str(Path(runtime) / "hullo" / "hullo.sock" if runtime else Path.home() / ".hullo" / "hullo.sock")


async def main(path: str) -> None:
    """Connect, and connect again whenever the daemon was restarted; until SIGTERM or Ctrl-C cancel it."""
    this = asyncio.current_task()
    assert this is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, this.cancel)
    pause, told = 0.25, ""
    while True:
        problem: OSError | None = None
        try:
            reader, writer = await asyncio.open_unix_connection(path, limit=4 * 1024 * 1024)
            print(f"connected to {path}", flush=True)
            pause, told = 0.25, ""
            await Connection(reader, writer).converse()
        except OSError as error:
            problem = error
        reason = explain(path, problem)
        if reason != told:
            print(f"{reason}; trying again", file=sys.stderr, flush=True)
        told = reason
        await asyncio.sleep(pause)
        pause = min(pause * 2, 5)


if __name__ == "__main__":
    try:
        arguments = sys.argv[1:]
        asyncio.run(main(arguments[0] if arguments else os.environ.get("HULLO__RPC__SOCKET") or default_socket()))
    except (asyncio.CancelledError, KeyboardInterrupt):
        sys.exit(0)
