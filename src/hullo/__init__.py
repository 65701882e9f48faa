"""Real one-to-one voice calls for Python.

    async with hullo.Phone() as phone:
        call = phone.dial("http://127.0.0.1:8790/call")
        async for event in call.events():
            ...

Names are imported when they are first used: a process that only needs one room does not load the others.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hullo.brain.attendant import Attendant as Attendant
    from hullo.brain.attendant_settings import AttendantSettings as AttendantSettings
    from hullo.brain.chat import ChatSettings as ChatSettings
    from hullo.brain.chat import chat_brain as chat_brain
    from hullo.brain.command import CommandSettings as CommandSettings
    from hullo.brain.command import command_brain as command_brain
    from hullo.call.bridge import bridge as bridge
    from hullo.call.call import Call as Call
    from hullo.call.errors import CallError as CallError
    from hullo.call.event_stream import EventsMissed as EventsMissed
    from hullo.call.event_stream import EventStream as EventStream
    from hullo.call.events import Bridged as Bridged
    from hullo.call.events import CallEvent as CallEvent
    from hullo.call.events import Connected as Connected
    from hullo.call.events import Ended as Ended
    from hullo.call.events import Error as Error
    from hullo.call.events import Incoming as Incoming
    from hullo.call.events import Interrupted as Interrupted
    from hullo.call.events import LineNotice as LineNotice
    from hullo.call.events import Partial as Partial
    from hullo.call.events import Paused as Paused
    from hullo.call.events import PeerMuted as PeerMuted
    from hullo.call.events import Quality as Quality
    from hullo.call.events import Reconnected as Reconnected
    from hullo.call.events import Reconnecting as Reconnecting
    from hullo.call.events import Resumed as Resumed
    from hullo.call.events import Ringing as Ringing
    from hullo.call.events import Speaking as Speaking
    from hullo.call.events import Speech as Speech
    from hullo.call.events import SpeechEnded as SpeechEnded
    from hullo.call.events import SpeechStarted as SpeechStarted
    from hullo.call.events import Spoken as Spoken
    from hullo.call.events import Unclear as Unclear
    from hullo.call.limits import Limits as Limits
    from hullo.call.report import CallReport as CallReport
    from hullo.call.states import CallState as CallState
    from hullo.call.switchboard import Switchboard as Switchboard
    from hullo.daemon_client import DaemonClient as DaemonClient
    from hullo.daemon_client import DaemonError as DaemonError
    from hullo.lines.direct.channel import ChannelError as ChannelError
    from hullo.lines.direct.channel import Device as Device
    from hullo.lines.direct.channel import Notice as Notice
    from hullo.lines.direct.channel import SecureChannel as SecureChannel
    from hullo.lines.direct.people import Contacts as Contacts
    from hullo.lines.direct.people import People as People
    from hullo.lines.direct.private.errors import PrivateUnavailable as PrivateUnavailable
    from hullo.lines.direct.private.settings import DirectConfig as DirectConfig
    from hullo.lines.line import EndReason as EndReason
    from hullo.lines.telegram.account.settings import TelegramConfig as TelegramConfig
    from hullo.messages.metadata import VoiceMessageMetadata as VoiceMessageMetadata
    from hullo.messages.player import VoiceMessagePlayer as VoiceMessagePlayer
    from hullo.messages.recorder import VoiceMessageRecorder as VoiceMessageRecorder
    from hullo.messages.store import MessageStore as MessageStore
    from hullo.phone import Phone as Phone
    from hullo.phone import TelegramUnavailable as TelegramUnavailable
    from hullo.rtc.parameters import IceOptions as IceOptions
    from hullo.rtc.parameters import IceServer as IceServer
    from hullo.speech.errors import SpeechError as SpeechError
    from hullo.speech.interruption.decision import InterruptionSettings as InterruptionSettings
    from hullo.speech.listening.hearing import HearingChange as HearingChange
    from hullo.speech.settings import SpeechSettings as SpeechSettings

__version__ = "0.1.0"

_HOMES = {
    "hullo.brain.attendant": ("Attendant",),
    "hullo.brain.attendant_settings": ("AttendantSettings",),
    "hullo.brain.chat": ("ChatSettings", "chat_brain"),
    "hullo.brain.command": ("CommandSettings", "command_brain"),
    "hullo.call.bridge": ("bridge",),
    "hullo.call.call": ("Call",),
    "hullo.call.errors": ("CallError",),
    "hullo.call.event_stream": ("EventStream", "EventsMissed"),
    "hullo.call.events": (
        "Bridged",
        "CallEvent",
        "Connected",
        "Ended",
        "Error",
        "Incoming",
        "Interrupted",
        "LineNotice",
        "Partial",
        "Paused",
        "PeerMuted",
        "Quality",
        "Reconnected",
        "Reconnecting",
        "Resumed",
        "Ringing",
        "Speaking",
        "Speech",
        "SpeechEnded",
        "SpeechStarted",
        "Spoken",
        "Unclear",
    ),
    "hullo.call.limits": ("Limits",),
    "hullo.call.report": ("CallReport",),
    "hullo.call.states": ("CallState",),
    "hullo.call.switchboard": ("Switchboard",),
    "hullo.daemon_client": ("DaemonClient", "DaemonError"),
    "hullo.lines.direct.channel": ("ChannelError", "Device", "Notice", "SecureChannel"),
    "hullo.lines.direct.people": ("Contacts", "People"),
    "hullo.lines.direct.private.errors": ("PrivateUnavailable",),
    "hullo.lines.direct.private.settings": ("DirectConfig",),
    "hullo.lines.line": ("EndReason",),
    "hullo.lines.telegram.account.settings": ("TelegramConfig",),
    "hullo.messages.metadata": ("VoiceMessageMetadata",),
    "hullo.messages.player": ("VoiceMessagePlayer",),
    "hullo.messages.recorder": ("VoiceMessageRecorder",),
    "hullo.messages.store": ("MessageStore",),
    "hullo.phone": ("Phone", "TelegramUnavailable"),
    "hullo.rtc.parameters": ("IceOptions", "IceServer"),
    "hullo.speech.errors": ("SpeechError",),
    "hullo.speech.listening.hearing": ("HearingChange",),
    "hullo.speech.interruption.decision": ("InterruptionSettings",),
    "hullo.speech.settings": ("SpeechSettings",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME_OF)


def __getattr__(name: str) -> object:
    try:
        home = _HOME_OF[name]
    except KeyError:
        raise AttributeError(f"module 'hullo' has no attribute {name!r}") from None
    return getattr(import_module(home), name)
