"""One rendezvous: what it answers to each message of each device. No sockets, no clock."""

import secrets
from collections.abc import Callable

from hullo.rendezvous.directory import Directory, NotYours
from hullo.rendezvous.limits import Buckets
from hullo.rendezvous.mailbox import Mailboxes
from hullo.rendezvous.wire import (
    VERSION,
    Bundles,
    Challenge,
    Envelope,
    Fetch,
    Hello,
    LowPrekeys,
    Post,
    Publish,
    Refusal,
    Sent,
    ServerMessage,
    Welcome,
    WireError,
    encode,
    is_signed,
    parse_client,
    signed_by_hello,
)

LOW_PREKEYS = 20
"""A device with fewer left is asked for more."""


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
        self._send = send

    def tell(self, message: ServerMessage) -> None:
        """Send a message to the device."""
        self._send(encode(message))


class Node:
    """All connections of one process. Nothing of who calls whom is kept or logged."""

    def __init__(self, directory: Directory, mailboxes: Mailboxes | None = None) -> None:
        self._directory = directory
        self._mailboxes = Mailboxes() if mailboxes is None else mailboxes
        self._online: dict[tuple[str, str], Connection] = {}
        self._hellos = Buckets(rate=1.0, burst=60.0)
        self._names = Buckets(rate=20 / 3600, burst=20.0)
        self._posts = Buckets(rate=20.0, burst=200.0)
        self._fetches = Buckets(rate=0.5, burst=20.0)

    @property
    def online(self) -> int:
        """Devices that are connected and known."""
        return len(self._online)

    def opened(self, connection: Connection) -> None:
        """A device has connected: it gets its challenge."""
        connection.tell(Challenge(VERSION, connection.nonce))

    def closed(self, connection: Connection) -> None:
        """A connection is gone."""
        if connection.person is not None:
            key = (connection.person, connection.device)
            if self._online.get(key) is connection:
                del self._online[key]

    def receive(self, connection: Connection, data: bytes, now: float) -> None:
        """Take a message of a device. Raises `Kicked` when its connection must be closed."""
        try:
            message = parse_client(data)
        except WireError as error:
            raise self._kick(connection, "malformed", str(error)) from None
        if connection.person is None:
            if not isinstance(message, Hello):
                raise self._kick(connection, "unknown", "say hello first")
            self._greet(connection, message, now)
            return
        match message:
            case Hello():
                raise self._kick(connection, "malformed", "one connection is one device")
            case Publish(keys):
                self._directory.publish(connection.person, connection.device, keys)
            case Fetch():
                self._fetch(connection, message, now)
            case Post():
                self._post(connection, connection.person, message, now)

    def _greet(self, connection: Connection, hello: Hello, now: float) -> None:
        if not self._hellos.take(connection.remote, now):
            raise self._kick(connection, "rate", "too many connections from this address; try again in a minute")
        signed = signed_by_hello(connection.nonce, connection.host, hello.person, hello.device)
        if not is_signed(hello.identity, hello.signature, signed):
            raise self._kick(connection, "signature", "the signature does not show that the key is yours")
        is_new = self._directory.identity(hello.person) is None
        if is_new and not self._names.take(connection.remote, now):
            raise self._kick(connection, "rate", "too many new names from this address; try again in an hour")
        try:
            self._directory.register(hello.person, hello.device, hello.identity)
        except NotYours as error:
            raise self._kick(connection, "taken", str(error)) from None
        connection.person, connection.device = hello.person, hello.device
        replaced = self._online.get((hello.person, hello.device))
        self._online[hello.person, hello.device] = connection
        if replaced is not None:
            self._say_replaced(replaced)
        connection.tell(Welcome(self._directory.prekeys_left(hello.person, hello.device)))
        for envelope in self._mailboxes.take(hello.person, hello.device, now):
            connection.tell(envelope)

    def _fetch(self, connection: Connection, fetch: Fetch, now: float) -> None:
        devices = self._directory.devices(fetch.person)
        if not devices:
            self._refuse(connection, fetch.sequence, "unknown-person", f"nobody is called {fetch.person} here")
            return
        wanted = [device for device in devices if device in fetch.devices or not fetch.devices]
        if not self._fetches.take((connection.person, fetch.person), now, len(wanted)):
            self._refuse(connection, fetch.sequence, "rate", f"too many requests for keys of {fetch.person}; wait")
            return
        bundles = [self._directory.bundle(fetch.person, device) for device in wanted]
        connection.tell(Bundles(fetch.sequence, tuple(bundle for bundle in bundles if bundle is not None)))
        for device in wanted:
            self._ask_for_prekeys(fetch.person, device)

    def _ask_for_prekeys(self, person: str, device: str) -> None:
        owner = self._online.get((person, device))
        left = self._directory.prekeys_left(person, device)
        if owner is not None and left < LOW_PREKEYS:
            self._tell(owner, LowPrekeys(left))

    def _post(self, connection: Connection, sender: str, post: Post, now: float) -> None:
        if not self._posts.take((sender, connection.device), now, len(post.envelopes)):
            self._refuse(connection, post.sequence, "rate", "too many messages; wait a moment")
            return
        devices = self._directory.devices(post.person)
        if not devices:
            self._refuse(connection, post.sequence, "unknown-person", f"nobody is called {post.person} here")
            return
        full = []
        for device, data in post.envelopes.items():
            envelope = Envelope(sender, connection.device, data, 0.0)
            if device in devices and not self._bring(post.person, device, envelope, now, post.seconds):
                full.append(device)
        missing = [device for device in devices if post.everywhere and device not in post.envelopes]
        gone = [device for device in post.envelopes if device not in devices]
        connection.tell(Sent(post.sequence, tuple(missing), tuple(gone), tuple(full)))

    def _bring(self, person: str, device: str, envelope: Envelope, now: float, seconds: float) -> bool:
        receiver = self._online.get((person, device))
        if receiver is not None and self._tell(receiver, envelope):
            return True
        return seconds > 0 and self._mailboxes.put(person, device, envelope, now, seconds)

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
