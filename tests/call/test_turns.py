from hullo.call.turns import TurnLog


def test_the_time_of_an_answer_is_told_apart() -> None:
    log = TurnLog()
    log.heard("what time is it", 1.0, 2.0, end_of_speech_ms=600, recognition_ms=150, now=10.0)
    log.answered("u1", "it is noon", now=10.25)
    log.sounded("u1", 40)
    [turn] = log.turns()
    assert (turn.heard, turn.said) == ("what time is it", "it is noon")
    assert (turn.times.gateway_ms, turn.times.first_audio_ms) == (250, 40)
    assert turn.times.answer_ms == 600 + 150 + 250 + 40


def test_only_the_first_utterance_answers_and_a_greeting_answers_nothing() -> None:
    log = TurnLog()
    log.answered("greeting", "hello", now=0.0)
    log.sounded("greeting", 30)
    log.heard("hi", 1.0, 2.0, end_of_speech_ms=600, recognition_ms=100, now=5.0)
    log.answered("u1", "first", now=5.1)
    log.answered("u2", "second", now=5.2)
    log.sounded("u2", 900)
    [turn] = log.turns()
    assert turn.said == "first"
    assert turn.times.first_audio_ms is None
    assert turn.times.answer_ms is None


def test_the_log_is_bounded_and_keeps_the_newest() -> None:
    log = TurnLog(limit=3)
    for number in range(5):
        log.heard(str(number), 0.0, 0.0, end_of_speech_ms=0, recognition_ms=0, now=0.0)
    assert [turn.heard for turn in log.turns()] == ["2", "3", "4"]
