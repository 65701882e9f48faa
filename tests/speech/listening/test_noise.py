from hullo.speech.listening.noise import NoiseFloor


def chunks(seconds: float) -> range:
    return range(round(seconds / 0.032))


def test_a_loud_chunk_over_a_quiet_background_needs_no_more_than_the_bar() -> None:
    floor = NoiseFloor()
    for _ in chunks(3):
        floor.raised(0.5, -60.0)
    assert floor.dbfs == -60.0
    assert floor.raised(0.5, -30.0) == 0.5


def test_near_the_background_the_bar_rises() -> None:
    floor = NoiseFloor()
    for index in chunks(3):
        floor.raised(0.5, -40.0 if index % 2 else -25.0)
    at_the_floor, near, far = (floor.raised(0.5, level) for level in (-40.0, -36.0, -25.0))
    assert 0.8 < at_the_floor < 1.0
    assert 0.5 < near < at_the_floor
    assert far == 0.5


def test_what_has_been_equally_loud_for_two_seconds_is_never_speech() -> None:
    floor = NoiseFloor()
    bars = [floor.raised(0.5, -20.0 + 0.5 * (index % 3)) for index in chunks(3)]
    assert bars[0] == 0.5
    assert bars[-1] > 1.0


def test_the_background_of_somebody_who_speaks_without_a_pause_is_what_lies_between_the_syllables() -> None:
    floor = NoiseFloor()
    for index in chunks(10):
        floor.raised(0.5, -20.0 if index % 8 else -55.0)
    assert floor.dbfs == -55.0
    assert floor.raised(0.5, -20.0) == 0.5


def test_a_background_that_grew_louder_is_learned_in_two_seconds() -> None:
    floor = NoiseFloor()
    for _ in chunks(5):
        floor.raised(0.5, -70.0)
    for _ in chunks(2.5):
        floor.raised(0.5, -30.0)
    assert floor.dbfs == -30.0
