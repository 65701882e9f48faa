"""From the bytes of a message to the bytes of its answer."""

import asyncio
import logging
from collections.abc import Collection

from hullo.call.errors import CallError
from hullo.service import rpc
from hullo.service.errors import as_rpc_error
from hullo.service.method import Service
from hullo.service.methods import METHODS
from hullo.service.rpc import Invalid, Request, RpcError

logger = logging.getLogger(__name__)

REQUEST_SECONDS = 20.0
"""A request that is not done by then is given up; only files on a dead disk and voices that hang take that long."""


class Dispatcher:
    """Carries out requests on one service, for any number of clients, each within `request_seconds`.

    With `only` it knows no other methods than those.
    """

    def __init__(
        self, service: Service, only: Collection[str] = METHODS, *, request_seconds: float = REQUEST_SECONDS
    ) -> None:
        self._service = service
        self._methods = {name: METHODS[name] for name in only}
        self._request_seconds = request_seconds

    async def answer(self, message: bytes) -> bytes | None:
        """Do what `message` asks, its requests in their order; None when nothing is to be answered. Never raises."""
        incoming = rpc.parse(message)
        responses = []
        for item in incoming.items:
            response = await self._respond(item)
            if response is not None:
                responses.append(response)
            await asyncio.sleep(0)  # the media tick comes between any two requests, however many are waiting
        if not responses:
            return None
        return rpc.encode_batch(responses) if incoming.is_batch else responses[0]

    async def _respond(self, item: Request | Invalid) -> bytes | None:
        if isinstance(item, Invalid):
            return rpc.encode_error(item.id, item.error)
        try:
            response = await self._carry_out(item)
        except RpcError as error:
            logger.debug("%s was refused: %d", item.method[:60], error.code)
            response = rpc.encode_error(item.answer_id, error)
        return None if item.is_notification else response

    async def _carry_out(self, request: Request) -> bytes:
        """The response of a method that succeeds. Raises `RpcError` and nothing else."""
        method = self._methods.get(request.method)
        if method is None:
            raise rpc.method_not_found(request.method, self._methods)
        try:
            async with asyncio.timeout(self._request_seconds):
                result = await method.invoke(self._service, request.params)
            return rpc.encode_result(request.answer_id, result)
        except RpcError:
            raise
        except (CallError, OSError) as error:
            raise as_rpc_error(error) from error
        except Exception as error:  # the edge of one request: a mistake in a method must not take its client down
            logger.exception("%s failed", method.name)
            hint = "look into the daemon's log and report it"
            raise RpcError(rpc.INTERNAL_ERROR, f"{method.name}: internal error", hint) from error
