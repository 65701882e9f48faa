"""The sound of one call in the media tick: who hears the peer, and who speaks to it."""

from collections.abc import Callable

from hullo.call.patch import Patch
from hullo.call.recorder import CallRecorder
from hullo.call.voice import Voice
from hullo.media.pcm import Ear, Mouth, Pcm


class CallSound:
    """`hear` and `say` are the ear and the mouth of the call's leg.

    The peer is heard by the agent's `voice` while `listening`, by the patch, every ear and the recorder. It hears the
    voice; while that is silent the patch, or without one the mouth. `on_audio` is called with every frame that
    we say.
    """

    def __init__(self, voice: Voice | None, recorder: CallRecorder, on_audio: Callable[[], None]) -> None:
        self.voice = voice
        self.listening = True
        """Whether the voice hears the peer."""
        self._listened = True
        """Whether it heard the peer before that was joined to anything."""
        self.muted = False
        """Whether the leg sends nothing of what we say."""
        self.ears: list[Ear] = []
        self.mouth: Mouth | None = None
        self._recorder = recorder
        self._on_audio = on_audio
        self._patch: Patch | None = None

    @property
    def joined_to(self) -> str | None:
        """What the patch is the other end of."""
        return None if self._patch is None else self._patch.to

    def hear(self, pcm: Pcm, now: float) -> None:
        """The `Ear` of the leg."""
        if self.voice is not None and self.listening:
            self.voice.hear(pcm, now)
        if self._patch is not None:
            self._patch.ear(pcm, now)
        for ear in self.ears:
            ear(pcm, now)
        self._recorder.theirs(pcm, now)

    def say(self, now: float) -> Pcm | None:
        """The `Mouth` of the leg."""
        pcm = self.voice.next_frame(now) if self.voice is not None else None
        mouth = self.mouth if self._patch is None else self._patch.mouth
        if pcm is None and mouth is not None:
            pcm = mouth(now)
        if pcm is not None:
            self._on_audio()
        if self.voice is not None:
            self.voice.said(None if self.muted else pcm)
        self._recorder.ours(pcm, now)
        return pcm

    def join(self, patch: Patch) -> None:
        """Be joined to this patch and to no other; the voice falls silent, and hears nothing until it is told to."""
        before, self._patch = self._patch, patch
        if before is None:
            self._listened = self.listening
        else:
            before.released(False)
        self.listening = False
        if self.voice is not None:
            self.voice.interrupt()

    def part(self, patch: Patch) -> bool:
        """Be joined to this patch no more, and be heard by the voice as before; False if it was not."""
        if self._patch is not patch:
            return False
        self._patch = None
        self.listening = self._listened
        return True

    def free(self) -> None:
        """The call has ended: let go of everything."""
        self.voice = self.mouth = None
        self.ears.clear()
        patch, self._patch = self._patch, None
        if patch is not None:
            patch.released(True)
