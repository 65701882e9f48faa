"""One end of a call of ours between this machine's microphone, or its speaker, and a peer."""

import asyncio

from bench.ends.hullo_call import TOKEN, listening
from bench.ends.parent import options, tell
from bench.network import ADDRESS
from hullo.audio.devices.devices import Devices
from hullo.audio.devices.sides import Microphone, SideStatus, Speaker
from hullo.call.call import Call
from hullo.call.events import Connected, Ended
from hullo.call.switchboard import Switchboard
from hullo.lines.browser.line import BrowserLine
from hullo.media.pcm import SILENCE
from hullo.rtc.clock import MediaClock


async def run(role: str, seconds: float, url: str = "") -> None:
    """Who offers has the microphone and who answers the speaker."""
    async with MediaClock() as clock, Devices() as devices:
        tokens = {url.removesuffix("/call"): TOKEN} if url else {}
        line = BrowserLine(ADDRESS, 0, clock=clock, token=TOKEN, dial_tokens=tokens)
        async with Switchboard([line], speech=None, answer="auto") as switchboard:
            if role == "offer":
                async with Microphone(devices) as microphone:
                    call = switchboard.dial(url)
                    call.set_mouth(microphone.mouth)
                    await _talk(call, seconds)
                    _done(microphone.status())
                return
            async with Speaker(devices) as speaker:
                tell(url=await listening(line))
                async for call in switchboard.incoming():
                    call.add_ear(speaker.ear)
                    call.set_mouth(lambda now: SILENCE)
                    await _talk(call, seconds)
                    _done(speaker.status())
                    return


async def _talk(call: Call, seconds: float) -> None:
    async for event in call.events():
        if isinstance(event, Ended):
            raise ConnectionError(f"the call ended: {event.detail}")
        if isinstance(event, Connected):
            break
    tell(connected=True)
    await asyncio.sleep(seconds)


def _done(status: SideStatus) -> None:
    tell(delay_ms=status.delay_ms, overflows=status.overflows, underflows=status.underflows, stalls=status.stalls)


if __name__ == "__main__":
    asyncio.run(run(**options()))
