"""What was said in a call by both, as a brain should remember it: of ours only what the peer has heard. Pure."""

from hullo.brain.brain import Message

_MOST_MESSAGES = 100
_MOST_LETTERS = 40_000


class History:
    """A conversation after its system prompt. The oldest is forgotten beyond 100 messages or 40 000 letters."""

    def __init__(self, prompt: str = "") -> None:
        self._prompt = prompt
        self._messages: list[Message] = []

    def heard(self, text: str) -> None:
        """The peer said `text`. What it says in several turns before an answer is one message."""
        self._add(Message("user", text))

    def said(self, text: str) -> None:
        """The peer has heard us say `text`; nothing is added where it heard nothing."""
        if text.strip():
            self._add(Message("assistant", text.strip()))

    def messages(self) -> list[Message]:
        """The system prompt, if there is one, and what was said."""
        prompt = [Message("system", self._prompt)] if self._prompt else []
        return prompt + self._messages

    def _add(self, message: Message) -> None:
        if self._messages and self._messages[-1].role == message.role:
            message = Message(message.role, f"{self._messages.pop().content} {message.content}")
        self._messages.append(message)
        while len(self._messages) > 1 and (
            len(self._messages) > _MOST_MESSAGES or sum(len(one.content) for one in self._messages) > _MOST_LETTERS
        ):
            del self._messages[0]
