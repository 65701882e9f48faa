"""Has a brain answer the calls of a switchboard."""

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

from hullo.brain.attendant_settings import AttendantSettings
from hullo.brain.brain import Brain, BrainError, BrainMaker
from hullo.brain.hang_up_mark import HangUpMark
from hullo.brain.history import History
from hullo.brain.silence import SilenceWatch
from hullo.call import events
from hullo.call.call import Call
from hullo.call.errors import CallError
from hullo.call.states import CallState
from hullo.call.switchboard import Switchboard

logger = logging.getLogger(__name__)

_EARLY_SECONDS = 2.0
"""Before our end: a word is an answer to it."""

_LAST_WORDS_SECONDS = 0.5
"""Until the peer has heard what has just left here: its buffer, and the network."""


class Attendant:
    """Answers every call of a switchboard, those it places too, until `run` is cancelled.

    A call that is bridged, to a person or another call, it leaves alone as long as it is.
    """

    def __init__(self, board: Switchboard, make: BrainMaker, settings: AttendantSettings) -> None:
        self._board = board
        self._make = make
        self._settings = settings

    async def run(self) -> None:
        """Take the calls as they begin."""
        stream = self._board.stream()
        async with asyncio.TaskGroup() as tasks:
            known: set[str] = set()
            async for event in stream:
                if isinstance(event, events.Ended):
                    known.discard(event.call_id)
                elif event.call_id not in known and not self._is_for_a_person(event):
                    known.add(event.call_id)
                    tasks.create_task(self._attend(self._board.call(event.call_id), event))

    def _is_for_a_person(self, event: events.CallEvent) -> bool:
        """Whether an event tells of a call that a person holds, or of no call at all."""
        return not event.call_id or self._board.call(event.call_id).bridged_to is not None

    async def _attend(self, call: Call, first: events.CallEvent) -> None:
        if self._settings.accept and isinstance(first, events.Incoming):
            call.accept()
        warming = asyncio.create_task(self._warm(call), name=f"warming the phrases of call {call.call_id}")
        try:
            async with self._make(call) as brain, Conversation(call, brain, self._settings) as conversation:
                await conversation.run()
        except (BrainError, CallError) as error:
            self._fail(call, str(error))
        except Exception as error:  # the edge of one call: a mistake in here must not silence the others
            logger.exception("the brain of call %s failed", call.call_id)
            self._fail(call, f"internal error: {error!r}; please report it")
        finally:
            warming.cancel()
            await asyncio.wait([warming])

    async def _warm(self, call: Call) -> None:
        """Have ready, while the call rings, what will be said without thinking."""
        try:
            for text in self._settings.phrases():
                await call.prepare(text)
        except CallError as error:
            call.note_error("voice", str(error), retryable=True)

    def _fail(self, call: Call, error: str) -> None:
        if not call.over:
            call.note_error("brain", error, retryable=False)
            call.hangup()


class Conversation:
    """One call and its brain: each thing the peer says gets an answer, and speaking on cancels the one before.

    It ends the call after an answer that says so (`HangUpMark`), and when the peer is silent for long.
    """

    def __init__(self, call: Call, brain: Brain, settings: AttendantSettings) -> None:
        self._call = call
        self._brain = brain
        self._settings = settings
        self._history = History(settings.prompt)
        self._stream = call.events()
        self._unheard: set[str] = set()
        self._sounding: str | None = None
        self._aside: tuple[str, float] | None = None
        self._answering: asyncio.Task[None] | None = None
        self._last_words: str | None = None
        self._ours = False
        self._peer_speaks = False
        self._silences = 0
        self._silence = SilenceWatch(settings.silence_seconds, self._fell_silent)

    async def __aenter__(self) -> "Conversation":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._give_up()

    async def run(self) -> None:
        """Until the call ends."""
        watching = asyncio.create_task(self._silence.run(), name=f"silence in call {self._call.call_id}")
        try:
            await self._follow()
        finally:
            watching.cancel()
            await asyncio.wait([watching])
            if not watching.cancelled():
                watching.result()

    async def _follow(self) -> None:
        self._ours = self._call.bridged_to is None
        if self._call.state is CallState.ACTIVE and self._ours:  # it connected before its brain was there
            self._say(self._settings.greeting)
        async for event in self._stream:
            if not isinstance(event, events.Quality):
                self._silence.notice()
            match event:
                case events.Bridged(to=to):
                    self._ours = to is None
                    await self._give_up()
                case events.Connected() if self._ours:
                    self._say(self._settings.greeting)
                case events.SpeechStarted():
                    self._peer_speaks = True
                case events.SpeechEnded():
                    self._peer_speaks = False
                case events.Speaking(utterance_id=utterance_id):
                    self._sounding = utterance_id
                case events.Speech(text=text, call_over=False) if self._ours:
                    await self._heard(text)
                case events.Unclear() if self._ours and self._idle:
                    self._say(self._settings.unclear)
                case events.Spoken() | events.Interrupted() | events.Error(utterance_id=str()):
                    await self._is_over(event)

    @property
    def _idle(self) -> bool:
        return not self._unheard and (self._answering is None or self._answering.done())

    def _say(self, text: str) -> str | None:
        if not text or self._call.over:
            return None
        utterance_id = self._call.speak(text)
        self._unheard.add(utterance_id)
        return utterance_id

    def _fell_silent(self) -> None:
        """Nobody has said anything for long: ask the peer, or end the call."""
        anybody_speaks = self._peer_speaks or self._sounding is not None or not self._idle
        if anybody_speaks or not self._ours or self._call.state is not CallState.ACTIVE:
            return
        try:
            if self._silences < self._settings.silence_times:
                self._silences += 1
                self._say(self._settings.silence)
            else:
                logger.info("call %s is ended: its peer is silent", self._call.call_id)
                self._leave(self._say(self._settings.goodbye))
        except CallError as error:
            self._call.note_error("brain", f"the silence can't be broken: {error}", retryable=True)

    def _leave(self, last_words: str | None) -> None:
        """End the call once the peer has heard these; at once without any."""
        self._last_words = last_words
        if last_words is None:
            self._call.hangup()

    async def _heard(self, text: str) -> None:
        self._silences = 0
        if self._unheard and not self._settings.words.wanted(text):
            self._aside = text, time.monotonic()  # an "mm-hm" while we speak, or an answer that came early
            return
        self._aside = None
        # What is spoken already was interrupted by the peer's voice, or may not be: then the answer comes after it.
        await self._give_up()
        self._history.heard(text)
        self._answering = asyncio.create_task(self._answer(), name=f"answer in call {self._call.call_id}")

    async def _take_aside(self, said: str) -> None:
        """Whoever said a word just before the end of what we `said` may have answered it, and waits."""
        if self._aside is None or not self._idle:
            return
        (text, at), self._aside = self._aside, None
        answers = said.rstrip().endswith("?") or not self._settings.words.agrees(text)
        if answers and time.monotonic() - at <= _EARLY_SECONDS:
            await self._heard(text)

    async def _is_over(self, event: events.Spoken | events.Interrupted | events.Error) -> None:
        """Something is not being said any more, whoever wanted it said."""
        if event.utterance_id == self._sounding:
            self._sounding = None
        if event.utterance_id in self._unheard:
            self._unheard.discard(event.utterance_id)
            self._history.said(event.heard_text)
        if event.utterance_id == self._last_words:
            self._last_words = None
            if not isinstance(event, events.Interrupted):
                await asyncio.sleep(_LAST_WORDS_SECONDS)
                self._call.hangup()
        elif isinstance(event, events.Spoken):
            await self._take_aside(event.heard_text)

    async def _answer(self) -> None:
        try:
            await self._speak()
        except BrainError as error:
            self._call.note_error("brain", str(error), retryable=True)
            self._say(self._settings.fallback)
        except CallError as error:
            self._call.note_error("brain", f"the answer can't be spoken: {error}", retryable=True)

    async def _speak(self) -> None:
        stream_id, mark = f"brain-{secrets.token_hex(6)}", HangUpMark()
        utterance_id: str | None = None
        try:
            async with aclosing(self._plain(mark)) as pieces:
                async for piece in pieces:
                    if utterance_id is None:
                        if piece.isspace():
                            continue
                        utterance_id = self._call.open_stream(stream_id)
                        self._unheard.add(utterance_id)
                    if not self._call.append(stream_id, piece).accepted:
                        return
            if mark.found:
                self._leave(utterance_id)
        finally:
            if utterance_id is not None and not self._call.over:
                self._call.append(stream_id, "", end=True)

    async def _plain(self, mark: HangUpMark) -> AsyncGenerator[str, None]:
        """What of the brain's answer is to be said."""
        async with aclosing(self._brain.answer(self._history.messages())) as pieces:
            async for piece in pieces:
                if text := mark.feed(piece):
                    yield text
        if text := mark.finish():
            yield text

    async def _give_up(self) -> None:
        """Stop the answer that is being thought of."""
        if self._answering is not None:
            answering, self._answering = self._answering, None
            answering.cancel()
            await asyncio.wait([answering])
            if not answering.cancelled():
                answering.result()
