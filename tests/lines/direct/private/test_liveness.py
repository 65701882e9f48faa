from hullo.lines.direct.private.liveness import SILENT, Liveness


def test_a_quiet_connection_that_owes_nothing_lives() -> None:
    assert not Liveness(100.0).dead(10_000.0)


def test_one_that_owes_an_answer_for_long_is_dead() -> None:
    connection = Liveness(100.0)
    connection.asked(200.0)
    connection.asked(202.0)
    assert not connection.dead(200.0 + SILENT)
    assert connection.dead(200.1 + SILENT)


def test_whatever_comes_shows_that_it_lives() -> None:
    connection = Liveness(100.0)
    connection.asked(200.0)
    connection.heard(202.0)
    assert not connection.dead(300.0)
    connection.asked(300.0)
    assert connection.dead(300.1 + SILENT)
