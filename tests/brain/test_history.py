from hullo.brain.brain import Message
from hullo.brain.history import History


def test_both_sides_in_turn_behind_the_prompt() -> None:
    history = History("Be brief.")
    history.heard("Hello.")
    history.said("Hello. What can I do?")
    history.said("")
    history.heard("A table")
    history.heard("for four.")
    assert history.messages() == [
        Message("system", "Be brief."),
        Message("user", "Hello."),
        Message("assistant", "Hello. What can I do?"),
        Message("user", "A table for four."),
    ]


def test_the_oldest_is_forgotten() -> None:
    history = History("Be brief.")
    for number in range(200):
        history.heard(f"{number}")
        history.said("x" * 300)
    messages = history.messages()
    assert messages[0].role == "system"
    assert len(messages) == 101
    history.heard("y" * 50_000)
    assert history.messages()[1:] == [Message("user", "y" * 50_000)]
