"""Keeps what the phone knows true to its daemon, and asks there for what the person wants."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Final

from hullo.daemon_client import DaemonClient, DaemonError, DaemonGone
from hullo.terminal import story
from hullo.terminal.own_daemon import DaemonFailed, OwnDaemon
from hullo.terminal.state import Notice, PhoneState
from hullo.terminal.talk_key import TalkKey

LOOK_SECONDS: Final = 2.0
"""Between two looks at whether the lines are ready, which no event tells."""
RETRY: Final = (0.5, 8.0)
"""Seconds before the first and, doubled each time, before every later attempt to reach a daemon again."""
PATIENCE: Final = 5.0
"""Seconds in which a daemon that is not ours may come back before we start one."""
LEVEL_SECONDS: Final = 10
"""For so long levels are asked for at a time."""

MOST_MESSAGES: Final = 200

_NEWS_OF_MESSAGES: Final = {
    f"message.{what}" for what in ("received", "sent", "delivered", "heard", "failed", "played")
}


class Session:
    """One person at one daemon. `on_change` is called whenever `state` is another. Actions never raise: they tell."""

    def __init__(self, daemon: OwnDaemon, *, on_change: Callable[[], object] = lambda: None) -> None:
        self.state = PhoneState()
        self.on_change = on_change
        self.wants_levels = False
        """Whether levels are to be shown although there is no call."""
        self._daemon = daemon
        self._client: DaemonClient | None = None
        self._talk_key = TalkKey()
        self._talk_pressed = asyncio.Event()

    # Staying connected

    async def run(self) -> None:
        """Until cancelled. Raises `DaemonFailed` or `DaemonError` if there is no daemon to begin with."""
        client = await self._daemon.connect(start=True)
        while True:
            why = await self._live(client)
            self._set(story.daemon_lost(self.state, why, time.monotonic()))
            client = await self._connect_again()

    async def _live(self, client: DaemonClient) -> str:
        """Be there until the daemon is not; why it is not."""
        why = ""
        try:
            async with client, asyncio.TaskGroup() as tasks:
                self._client = client
                await self._learn(client)
                tasks.create_task(self._look_at_lines(client))
                tasks.create_task(self._ask_for_levels(client))
                tasks.create_task(self._release_talk_key())
                await self._follow(client)
        except* DaemonError as errors:
            why = str(errors.exceptions[0])
        finally:
            self._client = None
        return await self._daemon.why_lost() or why

    async def _connect_again(self) -> DaemonClient:
        lost_at, wait = time.monotonic(), RETRY[0]
        while True:
            await asyncio.sleep(wait)
            wait = min(2 * wait, RETRY[1])
            may_start = self._daemon.was_started or time.monotonic() - lost_at > PATIENCE
            if may_start:
                self._set(replace(self.state, link="starting the daemon again"))
            try:
                return await self._daemon.connect(start=may_start)
            except (DaemonError, DaemonFailed) as error:
                self._set(replace(self.state, link=f"{error}; trying again"))

    async def _follow(self, client: DaemonClient) -> None:
        while True:
            event = await client.notification()
            name, fields = event["method"], event["params"]
            self._set(story.told(self.state, name, fields, time.monotonic()))
            if name in ("call.ended", "line.notice"):
                await self._learn_people(client)
            elif name in _NEWS_OF_MESSAGES:
                await self._learn_messages(client)
            elif name == "audio.changed":
                await self._learn_sound(client)

    async def _learn(self, client: DaemonClient) -> None:
        statuses = await client.request("call.list", live=True)
        state = replace(self.state, calls=())
        for status in statuses:
            state = story.began(state, status, time.monotonic())
        self._set(state)
        await self._learn_people(client)
        await self._learn_messages(client)
        await self._learn_sound(client)
        await self._learn_lines(client)
        self._set(replace(self.state, link=""))

    async def _learn_people(self, client: DaemonClient) -> None:
        people = await _answer(client, "contact.list") or {}
        past = await client.request("history.list")
        self._set(story.people_as(self.state, people, past))

    async def _learn_messages(self, client: DaemonClient) -> None:
        messages = await _answer(client, "message.list", limit=MOST_MESSAGES) or []
        self._set(replace(self.state, messages=story.messages_as(messages)))

    async def _learn_sound(self, client: DaemonClient) -> None:
        try:
            devices, status = await client.request("audio.devices"), await client.request("audio.status")
        except DaemonGone:
            raise
        except DaemonError as error:
            self._set(replace(self.state, sound=replace(self.state.sound, problem=str(error))))
        else:
            talk = {"push_to_talk": status["push_to_talk"], "talking": status["talking"]}
            self._set(replace(self.state, sound=story.sound_as(devices, status), **talk))

    async def _learn_lines(self, client: DaemonClient) -> None:
        lines = await client.request("line.list")
        self._set(replace(self.state, line_problem=story.line_problem(lines)))

    async def _look_at_lines(self, client: DaemonClient) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self._learn_lines(client)

    async def _ask_for_levels(self, client: DaemonClient) -> None:
        while True:
            if self.wants_levels or self.state.calls:
                await _answer(client, "audio.levels", seconds=LEVEL_SECONDS)
            await asyncio.sleep(LEVEL_SECONDS / 2 if self.state.calls else 0.5)

    # What the person does

    async def call(self, to: str) -> None:
        """Call somebody, with the microphone and speaker of the daemon's machine."""
        started = await self._ask("call.start", to=to)
        if started is not None:
            await self._take(started["call_id"])

    async def answer(self) -> None:
        """Answer whoever rings."""
        ringing = self.state.ringing
        if ringing is not None and await self._ask("call.accept", call_id=ringing.call_id) is not None:
            await self._take(ringing.call_id)

    async def decline(self) -> None:
        """Decline whoever rings."""
        if self.state.ringing is not None:
            await self._ask("call.reject", call_id=self.state.ringing.call_id)

    async def hang_up(self) -> None:
        """End the call that is shown; one that rings is declined."""
        shown = self.state.shown
        if shown is not None:
            await self._ask("call.reject" if shown.rings_here else "call.hangup", call_id=shown.call_id)

    async def mute(self) -> None:
        """Mute the call that is shown, or let it be heard again."""
        shown = self.state.shown
        if shown is not None:
            done = await self._ask("call.mute", call_id=shown.call_id, muted=not shown.muted)
            if done is not None:
                self._set(story.muted(self.state, shown.call_id, done["muted"]))

    async def caption(self) -> None:
        """Have what they say in the call that is shown recognised and written down, or no more."""
        shown = self.state.shown
        if shown is not None:
            done = await self._ask("call.listen", call_id=shown.call_id, enabled=not shown.captioned)
            if done is not None:
                self._set(story.captioned(self.state, shown.call_id, done["enabled"]))

    async def record(self) -> bool:
        """Begin to record a voice message; whether it began."""
        self._set(replace(self.state, recording=None))
        return await self._ask("message.record") is not None

    async def send_recording(self, to: str) -> None:
        """End the recording, and send it to somebody."""
        recorded = await self._ask("message.finish")
        if recorded is None:
            return
        sent = await self._ask("message.send", to=to, message_id=recorded["message_id"])
        if sent is not None:  # it was copied; one that could not be sent stays, for hullo message send
            await self._ask("message.delete", message_id=recorded["message_id"])
            self.say(f"the voice message for {to} is on its way")
            await self._relearn(self._learn_messages)

    async def discard_recording(self) -> None:
        """End the recording, and leave nothing behind."""
        await self._ask("message.finish", discard=True)

    async def play(self, message_id: str) -> None:
        """Play a voice message, or stop it if it plays."""
        if self.state.playing is not None and self.state.playing.message_id == message_id:
            await self._ask("message.stop")
        else:
            await self._ask("message.play", message_id=message_id)

    async def stop_playing(self) -> None:
        """Be silent."""
        await self._ask("message.stop")

    async def push_to_talk(self) -> None:
        """Switch push-to-talk on or off."""
        status = await self._ask("audio.configure", push_to_talk=not self.state.push_to_talk)
        if status is not None:
            self._set(replace(self.state, push_to_talk=status["push_to_talk"], talking=status["talking"]))

    async def talk(self) -> None:
        """The talk key came, be it pressed or repeated."""
        if self.state.push_to_talk and self._talk_key.pressed(time.monotonic()):
            await self._set_talking(True)
            self._talk_pressed.set()

    async def choose(self, kind: str, device_id: str | None) -> None:
        """Use another `microphone` or `speaker`, with None whichever the system prefers."""
        if await self._ask("audio.choose", **{kind: device_id or "default"}) is not None:
            await self._relearn(self._learn_sound)

    async def take_sound(self) -> None:
        """Put the microphone and speaker of the daemon's machine on the call that is shown."""
        shown = self.state.shown
        if shown is not None and await self._ask("call.handset", call_id=shown.call_id) is not None:
            await self._relearn(self._learn_sound)

    async def test(self, kind: str) -> None:
        """Play a tone, or show the microphone's level, for some seconds."""
        await self._ask("audio.test", device=kind)

    async def change_contact(self, person: str, change: str, key: str | None = None) -> bool:
        """Do with a contact what `contact.change` can; whether that was done."""
        people = await self._ask("contact.change", person=person, change=change, key=key)
        if people is not None:
            await self._relearn(self._learn_people)
        return people is not None

    async def add_invited(self, person: str, key: str, *, verified: bool) -> None:
        """Add whose invite we have; `verified` when it came from that person for sure."""
        if await self.change_contact(person, "add", key) and not verified:
            await self.change_contact(person, "unverify")

    async def forget_history(self) -> None:
        """Forget all calls that were."""
        if await self._ask("history.clear") is not None:
            await self._relearn(self._learn_people)

    async def leave(self) -> None:
        """Hang up what is ours to hang up: the call that is shown, unless it rings and somebody else may answer it."""
        shown = self.state.shown
        if shown is not None and not shown.rings_here:
            await self.hang_up()

    def say(self, text: str, *, urgent: bool = False) -> None:
        """Show one line of news."""
        self._set(replace(self.state, notice=Notice(text, time.monotonic(), urgent)))

    async def _take(self, call_id: str) -> None:
        """Show a call of ours, and put the sound of the machine on it."""
        status = await self._ask("call.status", call_id=call_id)
        if status is not None:
            self._set(story.began(self.state, status, time.monotonic()))
        await self.take_sound()

    async def _relearn(self, learn: Callable[[DaemonClient], Awaitable[None]]) -> None:
        """Know what an action has changed. Of a daemon that goes meanwhile `run` tells."""
        if self._client is not None:
            with contextlib.suppress(DaemonError):
                await learn(self._client)

    async def _set_talking(self, pressed: bool) -> None:
        done = await self._ask("audio.talk", pressed=pressed)
        if done is not None:
            self._set(replace(self.state, talking=done["talking"]))

    async def _release_talk_key(self) -> None:
        while True:
            await self._talk_pressed.wait()
            self._talk_pressed.clear()
            await self._talk_key_released()
            await self._set_talking(False)

    async def _talk_key_released(self) -> None:
        while left := self._talk_key.left(time.monotonic()):  # noqa: ASYNC110  # a repeat moves the moment
            await asyncio.sleep(left)

    async def _ask(self, method: str, **params: Any) -> Any:
        """What the daemon answers; None, and a notice, when it refuses or is not there."""
        if self._client is None:
            self.say("not connected to the daemon yet")
            return None
        try:
            return await self._client.request(method, **params)
        except DaemonError as error:
            self.say(f"{error}: {error.hint}" if error.hint else str(error), urgent=True)
            return None

    def _set(self, state: PhoneState) -> None:
        if state != self.state:
            self.state = state
            self.on_change()


async def _answer(client: DaemonClient, method: str, **params: Any) -> Any:
    """What the daemon answers; None when it can't do that here. Raises `DaemonGone`."""
    try:
        return await client.request(method, **params)
    except DaemonGone:
        raise
    except DaemonError:
        return None
