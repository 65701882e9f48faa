"""The store of a rendezvous that is several processes: everything in one Redis, each step a script that is atomic."""

import asyncio
import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import msgspec
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from hullo.rendezvous import redis_scripts as scripts
from hullo.rendezvous.mailbox import MAX_BYTES, MAX_WAITING
from hullo.rendezvous.store import Limit, Listener, NotYours, StoreUnavailable
from hullo.rendezvous.succession import MAX_SUCCESSIONS
from hullo.rendezvous.wire import MAX_DEVICES, Bundle, Envelope, PublishedKeys, Succession

logger = logging.getLogger(__name__)

DEADLINE = 2.0
"""Seconds that Redis may take for an answer."""
MAX_CONNECTIONS = 32
RETRY_EVERY = 0.5
"""Seconds between two attempts to hear of the other nodes again."""
LISTEN_CHECK = 5.0
"""Seconds without news after which Redis is asked whether it is there; after another such time it is not."""
KEYS_LAST = 60 * 86_400
"""Seconds that prekeys are kept of a device that does not come back."""
LEAST_WAIT = 2.0
"""Seconds that an envelope is kept at least, which is on its way between two nodes."""

Kept = TypeVar("Kept", Envelope, PublishedKeys, Succession)

_NEWS = "hullo:news"
_MAIL, _JOINED, _SUCCEEDED = "mail", "joined", "succeeded"


class RedisStore:
    """See `hullo.rendezvous.store.Store`. Times are those of Redis, so that the clocks of nodes need not agree.

    What other nodes must know goes over one channel to all of them: no node tells who is connected to it.
    """

    def __init__(self, url: str) -> None:
        """`url` is `redis://`, `rediss://` or `unix://`, with the password in it. Raises `ValueError`."""
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=MAX_CONNECTIONS,
            timeout=DEADLINE,
            socket_timeout=DEADLINE,
            socket_connect_timeout=DEADLINE,
            retry=Retry(NoBackoff(), 0),  # a step that was done already must not be done again
        )
        self._redis = Redis(connection_pool=pool)
        self._token = secrets.token_hex(8)
        self._register = self._redis.register_script(scripts.REGISTER)
        self._succeed = self._redis.register_script(scripts.SUCCEED)
        self._bundle = self._redis.register_script(scripts.BUNDLE)
        self._put = self._redis.register_script(scripts.PUT)
        self._take = self._redis.register_script(scripts.TAKE)
        self._allow = self._redis.register_script(scripts.ALLOW)

    async def check(self) -> None:
        """Raise `StoreUnavailable` if Redis can't be used."""
        with _named():
            await self._redis.ping()

    async def close(self) -> None:
        """Close all connections."""
        await self._redis.aclose()
        await self._redis.connection_pool.disconnect()

    async def run(self, listener: Listener) -> None:
        """See `Store.run`."""
        while True:
            try:
                async with self._redis.pubsub() as news:
                    await news.subscribe(_NEWS)
                    listener.store_returned()
                    await self._listen(news, listener)
            except (RedisError, OSError) as error:
                logger.warning("Redis can't be reached (%s); trying again", type(error).__name__)
            await asyncio.sleep(RETRY_EVERY)

    async def register(self, person: str, device: str, identity: bytes) -> int:
        """See `Store.register`."""
        news = f"{_JOINED} {person} {device} {self._token}"
        keys = [_key("identity", person), _key("devices", person)]
        expiring = [_key("keys", person, device), _key("prekeys", person, device)]
        with _named():
            answer = await self._register([*keys, *expiring], [identity, device, MAX_DEVICES, KEYS_LAST, _NEWS, news])
        if answer == b"taken":
            raise NotYours(f"the name {person} belongs to another key: choose another name")
        if answer == b"full":
            raise NotYours(f"{person} has {MAX_DEVICES} devices, the most allowed")
        return int(answer)

    async def identity(self, person: str) -> bytes | None:
        """See `Store.identity`."""
        with _named():
            found: Any = await self._redis.get(_key("identity", person))
        return None if found is None else bytes(found)

    async def devices(self, person: str) -> tuple[str, ...]:
        """See `Store.devices`."""
        with _named():
            found: Any = await self._redis.smembers(_key("devices", person))
        return tuple(sorted(each.decode() for each in found))

    async def succeed(self, person: str, succession: Succession) -> tuple[str, ...]:
        """See `Store.succeed`."""
        devices = await self.devices(person)
        gone = tuple(each for each in devices if each != succession.by)
        keys = [_key(kind, person) for kind in ("identity", "devices", "successions")]
        useless = [_key(kind, person, device) for device in devices for kind in ("keys", "prekeys")]
        useless += [_key("mail", person, device) for device in gone]
        step, news = msgspec.msgpack.encode(succession), f"{_SUCCEEDED} {person} {self._token}"
        arguments: list[bytes | str | int] = [
            succession.old,
            succession.new,
            succession.by,
            step,
            MAX_SUCCESSIONS,
            _NEWS,
            news,
        ]
        with _named():
            if not await self._succeed([*keys, *useless], arguments):
                raise NotYours(f"the name {person} belongs to another key")
        return gone

    async def successions(self, person: str) -> tuple[Succession, ...]:
        """See `Store.successions`."""
        with _named():
            found: Any = await self._redis.lrange(_key("successions", person), 0, -1)
        steps = [_decoded(each, Succession) for each in found]
        return tuple(step for step in steps if step is not None)

    async def publish(self, person: str, device: str, keys: PublishedKeys) -> None:
        """See `Store.publish`."""
        signed, prekeys = _key("keys", person, device), _key("prekeys", person, device)
        with _named():
            async with self._redis.pipeline(transaction=True) as steps:
                steps.set(signed, msgspec.msgpack.encode(msgspec.structs.replace(keys, prekeys=())), ex=KEYS_LAST)
                steps.delete(prekeys)
                if keys.prekeys:
                    steps.sadd(prekeys, *keys.prekeys)
                    steps.expire(prekeys, KEYS_LAST)
                await steps.execute()

    async def bundle(self, person: str, device: str) -> Bundle | None:
        """See `Store.bundle`."""
        keys = [_key("keys", person, device), _key("identity", person), _key("prekeys", person, device)]
        with _named():
            found = await self._bundle(keys)
        if found is None:
            return None
        signed, identity, *prekey = found
        published = _decoded(signed, PublishedKeys)
        return None if published is None else Bundle(device, identity, published, prekey[0] if prekey else None)

    async def prekeys_left(self, person: str, device: str) -> int:
        """See `Store.prekeys_left`."""
        with _named():
            left: Any = await self._redis.scard(_key("prekeys", person, device))
        return int(left)

    async def put(self, person: str, device: str, envelope: Envelope, seconds: float) -> bool:
        """See `Store.put`."""
        data = msgspec.msgpack.encode(envelope)
        wait = int(1000 * max(seconds, LEAST_WAIT))
        news = f"{_MAIL} {person} {device}"
        arguments: list[bytes | str | int] = [data, wait, MAX_WAITING, MAX_BYTES, _NEWS, news, envelope.person]
        with _named():
            return bool(await self._put([_key("mail", person, device)], arguments))

    async def take(self, person: str, device: str) -> list[Envelope]:
        """See `Store.take`."""
        with _named():
            found = await self._take([_key("mail", person, device)])
        envelopes = []
        for waited, data in found:
            envelope = _decoded(data, Envelope)
            if envelope is not None:
                envelopes.append(msgspec.structs.replace(envelope, waited=waited / 1000))
        return envelopes

    async def allows(self, limit: Limit, key: str, amount: int) -> bool:
        """See `Store.allows`."""
        rate, burst = limit.value
        with _named():
            return bool(await self._allow([_key("limit", limit.name.lower(), key)], [rate, burst, amount]))

    async def _listen(self, news: PubSub, listener: Listener) -> None:
        asked = False
        while True:
            _heed_cancellation()
            message = await news.get_message(timeout=LISTEN_CHECK)
            if message is not None:
                asked = False
                if message["type"] == "message":
                    self._pass_on(message["data"], listener)
            elif asked:
                raise TimeoutError("no answer to a ping")
            else:
                asked = True
                await news.ping()

    def _pass_on(self, news: bytes, listener: Listener) -> None:
        match news.decode(errors="replace").split(" "):
            case [kind, person, device] if kind == _MAIL:
                listener.mail_waits(person, device)
            case [kind, person, token] if kind == _SUCCEEDED and token != self._token:
                listener.succeeded(person)
            case [kind, person, device, token] if kind == _JOINED and token != self._token:
                listener.moved(person, device)


@contextmanager
def _named() -> Iterator[None]:
    """Whatever Redis does wrong is one error."""
    try:
        yield
        _heed_cancellation()
    except (RedisError, OSError) as error:
        logger.warning("Redis did not answer as it should (%s)", type(error).__name__)
        raise StoreUnavailable("the rendezvous can't reach its store; try again in a moment") from error


def _decoded(data: bytes, kind: type[Kept]) -> Kept | None:
    """What a node has put there; None if somebody else did."""
    try:
        return msgspec.msgpack.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        logger.warning("Redis holds something that is no %s; it is ignored", kind.__name__)
        return None


def _heed_cancellation() -> None:
    """Cancelling a task while redis-py sends is lost in Python 3.11: `asyncio.wait_for` swallows it (gh-86296)."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _key(*parts: str) -> str:
    return ":".join(("hullo", *parts))
