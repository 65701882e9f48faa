"""`GET /metrics` over HTTP."""

import contextlib
from collections.abc import AsyncIterator

from aiohttp import hdrs, web

from hullo.service.metrics import Metrics


@contextlib.asynccontextmanager
async def serving_metrics(metrics: Metrics, host: str, port: int) -> AsyncIterator[str]:
    """Serve while the context lasts, at the URL given. Raises `OSError` when the address can't be listened at."""

    async def answer(request: web.Request) -> web.Response:
        body, content_type = metrics.exposition(request.headers.get(hdrs.ACCEPT, ""))
        return web.Response(body=body, headers={hdrs.CONTENT_TYPE: content_type})

    app = web.Application()
    app.router.add_get("/metrics", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        bound = runner.addresses[0]
        shown = f"[{bound[0]}]" if ":" in bound[0] else bound[0]
        yield f"http://{shown}:{bound[1]}/metrics"
    finally:
        await runner.cleanup()
