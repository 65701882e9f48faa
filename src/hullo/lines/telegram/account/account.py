"""One Telegram account: kept connected, its requests carried out once, its updates handed on once."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from hullo.lines.telegram.account import translate
from hullo.lines.telegram.account.centres import DataCentres
from hullo.lines.telegram.account.floods import FloodWaits
from hullo.lines.telegram.account.link import Link, MakeClient, Timing
from hullo.lines.telegram.account.lookup import Lookup
from hullo.lines.telegram.account.note_fetching import NoteFetcher
from hullo.lines.telegram.account.people import People
from hullo.lines.telegram.account.replays import Replays
from hullo.lines.telegram.account.session_file import SessionFile, SessionFileError
from hullo.lines.telegram.account.update_state import UpdateState, UpdateStateFile
from hullo.lines.telegram.account.voice_note import (
    OnNote,
    ReceivedNote,
    VoiceNote,
    mark_listened,
    note_update,
    send_voice_note,
)
from hullo.lines.telegram.port import (
    AccountHealth,
    AnyResultT,
    GetCallConfig,
    OnUpdate,
    Request,
    TelegramError,
    User,
)

_log = logging.getLogger(__name__)


class Account:
    """Implements `TelegramPort` on a client library."""

    def __init__(
        self,
        make_client: MakeClient,
        file: SessionFile,
        *,
        timing: Timing = Timing(),  # noqa: B008  # frozen
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._file = file
        self._clock = clock
        self._link = Link(make_client, self._news, self._read_up_to, timing)
        self._update_state = UpdateStateFile(file.updates_path)
        self._people = People(file.users_path)
        self._lookup = Lookup(self._people, self._ask, wall_clock)
        self._centres = DataCentres(self._link, self._export, reply=timing.reply, idle=timing.idle)
        self._fetcher = NoteFetcher(self._ask, self._ask_at, self._link.client.make)
        self._floods = FloodWaits()
        self._replays = Replays()
        self._listener: OnUpdate | None = None
        self._note_listener: OnNote | None = None

    @property
    def self_id(self) -> int:
        """The account's own user id."""
        return self._link.client.session.user_id

    def set_listener(self, on_update: OnUpdate) -> None:
        """See `TelegramPort.set_listener`."""
        self._listener = on_update

    def health(self) -> AccountHealth:
        """See `TelegramPort.health`."""
        waits = self._floods.describe(self._clock()) if self._link.online else ""
        return AccountHealth(online=self._link.online, detail=waits or self._link.detail, address=self._address())

    async def ended(self) -> str:
        """See `TelegramPort.ended`."""
        await self._link.over.wait()
        return self._link.detail

    async def settled(self) -> AccountHealth:
        """Wait until the account is online or has ended for good; while it runs."""
        await self._link.settled()
        return self.health()

    async def run(self) -> None:
        """See `TelegramPort.run`. When the login has ended `health` says so, and nothing is tried any more."""
        try:
            with self._file.locked():
                self._people.load()
                if self._note_listener is not None:
                    self._link.begin_at(self._update_state.load(self.self_id))
                try:
                    async with asyncio.TaskGroup() as tasks:
                        others = tasks.create_task(self._centres.run(), name="Telegram's other data centres")
                        await self._link.run()
                        others.cancel()
                finally:
                    with contextlib.suppress(OSError):  # what is not saved is looked up again
                        self._people.save()
        except SessionFileError as error:
            self._link.end(TelegramError("SESSION_FILE", 0), str(error))
        _log.error("the Telegram account is offline for good: %s", self._link.detail)
        await asyncio.Event().wait()

    async def call(self, request: Request[AnyResultT]) -> AnyResultT:
        """See `TelegramPort.call`."""
        answer = self._link.config if isinstance(request, GetCallConfig) else None  # as told when we connected
        if answer is None:
            function = translate.function(self._link.client, request)
            answer = await self._invoke(translate.method(request), function)
            self._news(list(translate.updates(answer)), list(getattr(answer, "users", ())))
        return translate.result(request, answer)

    async def resolve(self, to: str) -> User:
        """See `TelegramPort.resolve`."""
        return await self._lookup.find(to)

    def set_note_listener(self, on_note: OnNote) -> None:
        """Hand on each voice note that comes, and who has listened to ours.

        Set before `run`, it is also told what came since the last run that had one.
        """
        self._note_listener = on_note

    async def send_voice_note(self, to: User, note: VoiceNote, random_id: int | None = None) -> int | None:
        """Send a voice note; its message id if the server tells it. Raises `TelegramError`, `TelegramUnreachable`."""
        return await send_voice_note(self._ask, self._link.client.make, to, note, random_id)

    def fetch_voice_note(self, note: ReceivedNote, start: int = 0) -> AsyncIterator[bytes]:
        """The sound of a note that came, in parts. See `NoteFetcher.fetch`."""
        return self._fetcher.fetch(note, start)

    async def mark_listened(self, message_id: int) -> None:
        """Tell the sender that their note was heard. Raises `TelegramError`."""
        await mark_listened(self._ask, message_id)

    async def _ask(self, name: str, **fields: Any) -> Any:
        """A request by its TL name."""
        return await self._invoke(name, self._link.client.function(name, **fields))

    async def _ask_at(self, dc: int, name: str, **fields: Any) -> Any:
        """A request by its TL name in a data centre; 0 is ours."""
        here = dc in (0, self._link.client.session.dc)
        return await self._invoke(name, self._link.client.function(name, **fields), 0 if here else dc)

    async def _export(self, dc: int) -> Any:
        return await self._ask("auth.exportAuthorization", dc_id=dc)

    async def _invoke(self, method: str, function: Any, dc: int = 0) -> Any:
        self._floods.check(method, self._clock())
        try:
            return await (self._centres.invoke(dc, function) if dc else self._link.invoke(function))
        except TelegramError as error:
            self._floods.note(method, error, self._clock())
            raise

    def _read_up_to(self, state: UpdateState) -> None:
        """Only who takes notes has read them: for others they wait."""
        if self._note_listener is not None:
            try:
                self._update_state.save(self.self_id, state)
            except OSError as error:
                _log.warning("voice notes may be told again after a restart: %s", error.strerror or error)

    def _news(self, updates: list[Any], users: list[Any]) -> bool:
        """Updates and users, however they came; whether a voice note was among them."""
        if users:
            self._lookup.learn(users)
        notes = False
        for one in updates:
            note = note_update(one)
            if note is not None and self._note_listener is not None and self._replays.is_new(note):
                self._note_listener(note)
                notes = True
            try:
                update = translate.update(one)
            except translate.UnexpectedAnswer as error:
                _log.warning("an update that can't be read was left out: %s", error)
                continue
            if update is not None and self._replays.is_new(update) and self._listener is not None:
                self._listener(update)
        return notes

    def _address(self) -> str | None:
        me = self._link.me
        if me is not None and me.username:
            return f"@{me.username}"
        return str(self.self_id) if self.self_id else None
