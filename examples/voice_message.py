#!/usr/bin/env python3
"""Voice messages in a program of your own: send one to a contact, and keep what others send.

    python voice_message.py bob said.wav      # send it, and wait until Bob has it
    python voice_message.py                   # wait for messages, and print what is said in them

It uses the keys that `hullo contacts init` has made, and the rendezvous in `~/.config/hullo/hullo.toml`.
"""

import asyncio
import sys
from pathlib import Path

import hullo
from hullo.call.events import MessageDelivered, MessageFailed, MessageReceived
from hullo.service.config import load_config


async def send(phone: hullo.Phone, to: str, sound: Path) -> None:
    """Send a sound file and wait until a device of theirs has it."""
    events = phone.events()
    sent = await phone.messages.send_file(to, sound)
    assert sent.metadata is not None
    async for event in events:
        match event:
            case MessageDelivered(message_id=message_id) if message_id == sent.metadata.id:
                print(f"{to} has it: {sent.metadata.duration:.1f} s")
                return
            case MessageFailed(message_id=message_id, detail=detail) if message_id == sent.metadata.id:
                sys.exit(f"it could not be sent: {detail}")


async def wait(phone: hullo.Phone) -> None:
    """Print what comes, and tell the senders that it was heard."""
    async for event in phone.events():
        if isinstance(event, MessageReceived):
            print(f"{event.peer}: {event.transcript or '(no words)'}  [{event.message.path}]")
            phone.messages.heard(phone.messages.store.find(event.message_id))


async def main(arguments: list[str]) -> None:
    """One of the two."""
    config = load_config()
    speech = None if arguments else config.speech.settings()
    async with hullo.Phone(direct=config.direct, messages=config.messages.folder, speech=speech) as phone:
        if arguments:
            await send(phone, arguments[0], Path(arguments[1]))
        else:
            await wait(phone)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
