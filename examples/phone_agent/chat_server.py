"""A stand-in for a local model server: OpenAI's chat protocol, streamed word by word, with five answers.

python chat_server.py [port]
"""

import asyncio
import json
import sys

from aiohttp import web

ANSWERS = {
    "open": "We are open from five to eleven. On Monday we are closed.",
    "table": "We have a table for four. At what time would you like to come?",
    "price": "The menu is thirty five dollars. Children pay half of that.",
    "bye": "Thank you for calling. Goodbye. [hang up]",
}
OTHERWISE = "I am not sure that I understood. Could you say that again?"
SECONDS_PER_WORD = 0.04


def answer_to(question: str) -> str:
    return next((answer for word, answer in ANSWERS.items() if word in question.lower()), OTHERWISE)


async def completions(request: web.Request) -> web.StreamResponse:
    asked = await request.json()
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    for word in answer_to(asked["messages"][-1]["content"]).split():
        chunk = {"choices": [{"index": 0, "delta": {"content": f"{word} "}}]}
        await response.write(f"data: {json.dumps(chunk)}\n\n".encode())
        await asyncio.sleep(SECONDS_PER_WORD)
    await response.write(b"data: [DONE]\n\n")
    return response


async def models(_: web.Request) -> web.Response:
    return web.json_response({"object": "list", "data": [{"id": "any", "object": "model"}]})


def application() -> web.Application:
    app = web.Application()
    app.add_routes([web.post("/v1/chat/completions", completions), web.get("/v1/models", models)])
    return app


if __name__ == "__main__":
    web.run_app(application(), host="127.0.0.1", port=int(sys.argv[1]) if len(sys.argv) > 1 else 8080)
