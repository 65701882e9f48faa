from hullo.call.turns import TurnLog


def test_the_time_of_an_answer_is_told_apart() -> None:
    log = TurnLog()
    log.heard("what time is it", 1.0, 2.0, end_of_speech_ms=600, recognition_ms=150, now=10.0)
    log.answered("u1", "it is noon", now=10.25)
    log.sounded("u1", 40, now=10.29, heard_delay=0.07)
    [turn] = log.turns()
    assert (turn.heard, turn.said) == ("what time is it", "it is noon")
    assert (turn.times.gateway_ms, turn.times.first_audio_ms) == (250, 40)
    assert turn.times.first_token_ms == 0
    assert turn.times.answer_ms == 600 + 150 + 250 + 40
    assert turn.times.heard_ms == turn.times.answer_ms + 70


def test_a_text_in_pieces_has_a_first_token_of_its_own() -> None:
    log = TurnLog()
    log.heard("tell me a story", 1.0, 2.0, end_of_speech_ms=300, recognition_ms=100, now=10.0)
    log.answered("u1", "", now=10.1)
    log.worded("u1", now=10.4)
    log.worded("u1", now=10.5)
    log.worded("other", now=10.6)
    log.sounded("u1", 30, now=10.9, heard_delay=0.0)  # a sentence was complete at 10.87
    [turn] = log.turns()
    assert (turn.times.gateway_ms, turn.times.first_token_ms, turn.times.first_audio_ms) == (100, 300, 30)
    assert turn.times.answer_ms == 300 + 100 + 900


def test_the_spread_of_all_turns() -> None:
    log = TurnLog()
    assert log.histograms() == {}
    for pause in (250, 300, 301, 9000):
        log.heard("", 0.0, 0.0, end_of_speech_ms=pause, recognition_ms=0, now=0.0)
    spread = log.histograms()
    assert set(spread) == {"end_of_speech_ms", "recognition_ms"}
    pauses = spread["end_of_speech_ms"]
    assert (pauses.count, pauses.p50_ms, pauses.p95_ms, pauses.max_ms) == (4, 301, 9000, 9000)
    assert sum(pauses.counts) == 4
    assert pauses.counts[pauses.bounds_ms.index(300)] == 2
    assert pauses.counts[-1] == 1


def test_only_the_first_utterance_answers_and_a_greeting_answers_nothing() -> None:
    log = TurnLog()
    log.answered("greeting", "hello", now=0.0)
    log.sounded("greeting", 30, now=0.03, heard_delay=0.1)
    log.heard("hi", 1.0, 2.0, end_of_speech_ms=600, recognition_ms=100, now=5.0)
    log.answered("u1", "first", now=5.1)
    log.answered("u2", "second", now=5.2)
    log.sounded("u2", 900, now=6.1, heard_delay=0.1)
    [turn] = log.turns()
    assert turn.said == "first"
    assert turn.times.first_audio_ms is None
    assert turn.times.answer_ms is None


def test_the_log_is_bounded_and_keeps_the_newest() -> None:
    log = TurnLog(limit=3)
    for number in range(5):
        log.heard(str(number), 0.0, 0.0, end_of_speech_ms=0, recognition_ms=0, now=0.0)
    assert [turn.heard for turn in log.turns()] == ["2", "3", "4"]
