"""One node of a rendezvous: what it answers to each message of each device. No sockets."""

import asyncio
import secrets
import time
from collections.abc import Callable

from hullo.rendezvous.keeping import Keeping
from hullo.rendezvous.limits import Buckets
from hullo.rendezvous.store import LETTER_UNIT, Limit, NotYours, Store, StoreUnavailable
from hullo.rendezvous.succession import is_genuine
from hullo.rendezvous.wire import (
    LIVE_SECONDS,
    VERSION,
    Accepted,
    Bundles,
    Challenge,
    Envelope,
    Fetch,
    Hello,
    LowPrekeys,
    Post,
    Publish,
    Refusal,
    Reserve,
    Sent,
    ServerMessage,
    Succeed,
    Succeeded,
    Took,
    Welcome,
    WireError,
    encode,
    is_signed,
    parse_client,
    signed_by_hello,
)

LOW_PREKEYS = 20
"""A device with fewer left is asked for more."""
STORE_RETRY = 0.5
"""Seconds between two attempts to bring what waits in a store that can't be reached."""


LATE_WAIT = 5.0
"""Seconds that an envelope waits on whose device left while it was being fetched."""


class Kicked(Exception):
    """The connection has to be closed; the peer was told why."""


class Connection:
    """One device's connection. `send` takes a message for it and does not wait; it raises `Kicked` when it is full."""

    def __init__(self, host: str, remote: str, send: Callable[[bytes], None]) -> None:
        """`host` is the name under which the device reached us; `remote` where it comes from, for limits only."""
        self.nonce = secrets.token_bytes(32)
        self.host = host
        self.remote = remote
        self.person: str | None = None
        self.device = ""
        self.identity = b""
        self._send = send

    def tell(self, message: ServerMessage) -> None:
        """Send a message to the device."""
        self._send(encode(message))


class Node:
    """All connections of one process. Nothing of who calls whom is kept or logged.

    Addresses stay in here: a limit by address is each node's own. `clock` gives monotonic seconds. Without `keeping`
    nothing waits for longer than `LIVE_SECONDS`, and whoever asks is told so.
    """

    def __init__(
        self, store: Store, *, keeping: Keeping | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._keeping = keeping
        self._clock = clock
        self._online: dict[tuple[str, str], Connection] = {}
        self._hellos = Buckets(rate=1.0, burst=60.0)
        self._names = Buckets(rate=20 / 3600, burst=20.0)
        self._due: dict[tuple[str, str], bool] = {}
        """Devices whose mail is to be fetched; True if the store may have lost what it knew of them."""
        self._something_due = asyncio.Event()

    @property
    def online(self) -> int:
        """Devices that are connected and known."""
        return len(self._online)

    async def run(self) -> None:
        """Bring what other nodes have for our devices, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._store.run(self))
            tasks.create_task(self._bring_mail())

    # What connections tell

    def opened(self, connection: Connection) -> None:
        """A device has connected: it gets its challenge."""
        connection.tell(Challenge(VERSION, connection.nonce))

    def closed(self, connection: Connection) -> None:
        """A connection is gone."""
        if connection.person is not None:
            key = (connection.person, connection.device)
            if self._online.get(key) is connection:
                del self._online[key]

    async def receive(self, connection: Connection, data: bytes) -> None:
        """Take a message of a device, after the one before. Raises `Kicked` when its connection must be closed."""
        try:
            message = parse_client(data)
        except WireError as error:
            raise self._kick(connection, "malformed", str(error)) from None
        if connection.person is None:
            if not isinstance(message, Hello):
                raise self._kick(connection, "unknown", "say hello first")
            await self._greet(connection, message)
        elif isinstance(message, Hello):
            raise self._kick(connection, "malformed", "one connection is one device")
        else:
            await self._serve(connection, connection.person, message)

    async def _serve(
        self, connection: Connection, person: str, message: Publish | Fetch | Post | Took | Reserve | Succeed
    ) -> None:
        try:
            match message:
                case Publish(keys):
                    await self._store.publish(person, connection.device, keys)
                case Fetch():
                    await self._fetch(connection, message)
                case Post():
                    await self._post(connection, person, message)
                case Reserve():
                    await self._reserve(connection, person, message)
                case Succeed():
                    await self._succeed(connection, person, message)
                case Took(letters):
                    await self._took(person, connection.device, letters)
        except StoreUnavailable as error:
            if isinstance(message, Publish):
                self._look_at(person, connection.device, lost=True)
            elif not isinstance(message, Took):
                self._refuse(connection, message.sequence, "unavailable", str(error))

    async def _greet(self, connection: Connection, hello: Hello) -> None:
        if not self._hellos.take(connection.remote, self._clock()):
            raise self._kick(connection, "rate", "too many connections from this address; try again in a minute")
        signed = signed_by_hello(connection.nonce, connection.host, hello.person, hello.device)
        if not is_signed(hello.identity, hello.signature, signed):
            raise self._kick(connection, "signature", "the signature does not show that the key is yours")
        try:
            is_new = await self._store.identity(hello.person) is None
            if is_new and not self._names.take(connection.remote, self._clock()):
                raise self._kick(connection, "rate", "too many new names from this address; try again in an hour")
            left = await self._store.register(hello.person, hello.device, hello.identity)
        except NotYours as error:
            await self._tell_successor(connection, hello)
            raise self._kick(connection, "taken", str(error)) from None
        except StoreUnavailable as error:
            raise self._kick(connection, "unavailable", str(error)) from None
        self._welcome(connection, hello, left)
        try:
            await self._bring_waiting(hello.person, hello.device)
        except StoreUnavailable:
            self._look_at(hello.person, hello.device)
        if self._keeping is not None:
            for letter in await self._keeping.waiting(hello.person, hello.device):
                connection.tell(letter)

    async def _tell_successor(self, connection: Connection, hello: Hello) -> None:
        """A device comes with a key that was good once: it is shown why not any more. Raises `Kicked`."""
        successions = await self._store.successions(hello.person)
        if hello.identity in [step.old for step in successions]:
            connection.tell(Succeeded(successions))
            raise Kicked("succeeded")

    def _welcome(self, connection: Connection, hello: Hello, prekeys: int) -> None:
        connection.person, connection.device, connection.identity = hello.person, hello.device, hello.identity
        replaced = self._online.get((hello.person, hello.device))
        self._online[hello.person, hello.device] = connection
        if replaced is not None:
            self._say_replaced(replaced)
        connection.tell(Welcome(prekeys))

    async def _fetch(self, connection: Connection, fetch: Fetch) -> None:
        devices = await self._store.devices(fetch.person)
        if not devices:
            self._refuse(connection, fetch.sequence, "unknown-person", f"nobody is called {fetch.person} here")
            return
        wanted = [device for device in devices if device in fetch.devices or not fetch.devices]
        if not await self._store.allows(Limit.FETCHES, f"{connection.person}:{fetch.person}", len(wanted)):
            self._refuse(connection, fetch.sequence, "rate", f"too many requests for keys of {fetch.person}; wait")
            return
        bundles = [await self._store.bundle(fetch.person, device) for device in wanted]
        found = tuple(bundle for bundle in bundles if bundle is not None)
        connection.tell(Bundles(fetch.sequence, found, await self._store.successions(fetch.person)))
        for device in wanted:
            await self._ask_for_prekeys(fetch.person, device)

    async def _ask_for_prekeys(self, person: str, device: str) -> None:
        left = await self._store.prekeys_left(person, device)
        owner = self._online.get((person, device))
        if owner is not None and left < LOW_PREKEYS:
            self._tell(owner, LowPrekeys(left))

    async def _post(self, connection: Connection, sender: str, post: Post) -> None:
        if not await self._store.allows(Limit.POSTS, f"{sender}:{connection.device}", len(post.envelopes)):
            self._refuse(connection, post.sequence, "rate", "too many messages; wait a moment")
            return
        devices = await self._store.devices(post.person)
        if not devices:
            self._refuse(connection, post.sequence, "unknown-person", f"nobody is called {post.person} here")
            return
        if post.seconds > LIVE_SECONDS and self._keeping is None:
            self._refuse(
                connection, post.sequence, "no-storage", "this rendezvous keeps nothing for those who are away"
            )
            return
        if post.seconds > LIVE_SECONDS and not await self._store.allows(Limit.LETTERS, sender, _letter_units(post)):
            self._refuse(connection, post.sequence, "rate", "too many messages to people who are away; wait a while")
            return
        full = []
        for device, data in post.envelopes.items():
            envelope = Envelope(sender, connection.device, data, 0.0)
            if device in devices and not await self._bring(post.person, device, envelope, post.seconds):
                full.append(device)
        missing = [device for device in devices if post.everywhere and device not in post.envelopes]
        gone = [device for device in post.envelopes if device not in devices]
        connection.tell(Sent(post.sequence, tuple(missing), tuple(gone), tuple(full)))

    async def _reserve(self, connection: Connection, sender: str, reserve: Reserve) -> None:
        if self._keeping is None:
            self._refuse(connection, reserve.sequence, "no-storage", "this rendezvous keeps no voice messages")
        elif not await self._store.allows(Limit.RESERVATIONS, f"{sender}:{connection.device}", 1):
            self._refuse(connection, reserve.sequence, "rate", "too many files; wait a moment")
        else:
            connection.tell(self._keeping.reserve(sender, connection.device, reserve))

    async def _succeed(self, connection: Connection, person: str, succeed: Succeed) -> None:
        step, before = succeed.succession, await self._store.successions(person)
        in_turn = step.number == (before[-1].number + 1 if before else 1)
        ours = (step.old, step.by) == (connection.identity, connection.device)
        if not in_turn or not ours or not is_genuine(person, step):
            self._refuse(connection, succeed.sequence, "signature", "that does not follow from your key")
            return
        if not await self._store.allows(Limit.SUCCESSIONS, person, 1):
            self._refuse(connection, succeed.sequence, "rate", "too many new keys; try again in an hour")
            return
        try:
            gone = await self._store.succeed(person, step)
        except NotYours as error:
            self._refuse(connection, succeed.sequence, "taken", str(error))
            return
        connection.identity = step.new
        if self._keeping is not None:
            for device in gone:
                await self._keeping.clear(person, device)
        connection.tell(Accepted(succeed.sequence))
        self.succeeded(person, but=connection)

    async def _took(self, person: str, device: str, letters: tuple[str, ...]) -> None:
        if self._keeping is not None:
            await self._keeping.took(person, device, letters)

    async def _bring(self, person: str, device: str, envelope: Envelope, seconds: float) -> bool:
        if self._keeping is not None and seconds > LIVE_SECONDS:
            letter = await self._keeping.put(person, device, envelope, seconds)
            if letter is None:
                return False
            await self._bring(person, device, letter, LATE_WAIT)  # to whichever node has the device, if one has
            return True
        receiver = self._online.get((person, device))
        if receiver is not None and self._tell(receiver, envelope):
            return True
        return await self._store.put(person, device, envelope, seconds)

    # What the store tells

    def mail_waits(self, person: str, device: str) -> None:
        """See `Listener.mail_waits`."""
        self._look_at(person, device)

    def moved(self, person: str, device: str) -> None:
        """See `Listener.moved`."""
        before = self._online.pop((person, device), None)
        if before is not None:
            self._say_replaced(before)

    def succeeded(self, person: str, *, but: Connection | None = None) -> None:
        """See `Listener.succeeded`; `but` has the new key."""
        for key, connection in [*self._online.items()]:
            if key[0] == person and connection is not but:
                del self._online[key]
                connection.person = None
                self._tell(connection, Refusal("succeeded", "another device of yours has a new key; connect again"))

    def store_returned(self) -> None:
        """See `Listener.store_returned`."""
        for person, device in self._online:
            self._look_at(person, device, lost=True)

    def _look_at(self, person: str, device: str, *, lost: bool = False) -> None:
        if (person, device) in self._online:
            self._due[person, device] = lost or self._due.get((person, device), False)
            self._something_due.set()

    async def _bring_mail(self) -> None:
        while True:
            await self._something_due.wait()
            self._something_due.clear()
            while self._due:
                key, lost = next(iter(self._due.items()))
                del self._due[key]
                try:
                    if lost:
                        await self._introduce(*key)
                    await self._bring_waiting(*key)
                except StoreUnavailable:
                    self._look_at(*key, lost=lost)
                    await asyncio.sleep(STORE_RETRY)

    async def _introduce(self, person: str, device: str) -> None:
        """Tell the store again who is here, for it may have forgotten."""
        connection = self._online.get((person, device))
        if connection is None:
            return
        try:
            await self._store.register(person, device, connection.identity)
        except NotYours as error:
            self._tell(connection, Refusal("taken", str(error)))
            return
        await self._ask_for_prekeys(person, device)

    async def _bring_waiting(self, person: str, device: str) -> None:
        for envelope in await self._store.take(person, device):
            await self._bring(person, device, envelope, LATE_WAIT)

    # What devices are told

    def _tell(self, receiver: Connection, message: ServerMessage) -> bool:
        """False if it reads too slowly; it is away then."""
        try:
            receiver.tell(message)
        except Kicked:
            self.closed(receiver)
            return False
        return True

    def _say_replaced(self, connection: Connection) -> None:
        connection.person = None
        self._tell(connection, Refusal("replaced", "this device has connected again from elsewhere"))

    def _refuse(self, connection: Connection, sequence: int, code: str, detail: str) -> None:
        connection.tell(Refusal(code, detail, sequence))

    def _kick(self, connection: Connection, code: str, detail: str) -> Kicked:
        connection.tell(Refusal(code, detail))
        return Kicked(code)


def _letter_units(post: Post) -> int:
    return sum(-(-len(data) // LETTER_UNIT) for data in post.envelopes.values())
