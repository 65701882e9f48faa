"""The login, with both libraries: codes and passwords right and wrong, and what people are told."""

import asyncio

import pytest

from hullo.demo.loopback_telegram.server import LoopbackTelegram
from hullo.lines.telegram.account.client import Server
from hullo.lines.telegram.account.login import LoginError, log_in
from hullo.lines.telegram.account.opening import Library
from hullo.lines.telegram.account.session_file import Session
from hullo.lines.telegram.port import User
from tests.lines.telegram.account.loopback import (
    ANNA,
    API_HASH,
    API_ID,
    BERT,
    LIBRARIES,
    Answers,
    loopback,
    maker,
    where,
)

both = pytest.mark.parametrize("library", LIBRARIES)


async def attempt(server: LoopbackTelegram, library: Library, phone: str, answers: Answers) -> tuple[Session, User]:
    return await log_in(maker(library, server), where(server), API_ID, API_HASH, phone, answers)


@both
async def test_a_code(library: Library) -> None:
    async with loopback() as server:
        phone = server.directory.member(ANNA).phone
        answers = Answers(server, phone, wrong_codes=2)
        session, user = await attempt(server, library, f"+{phone}", answers)
        code = "code from the Telegram app on your other devices"
        assert answers.said == [code, "that is not the code"] * 2 + [code]
        assert (session.user_id, session.api_id, len(session.auth_key)) == (ANNA, API_ID, 256)
        assert (user.id, user.username) == (ANNA, "anna")
        async with asyncio.timeout(30):
            while server.connected(ANNA):
                await asyncio.sleep(0.01)


@both
async def test_a_password(library: Library) -> None:
    async with loopback() as server:
        phone = server.directory.member(BERT).phone
        answers = Answers(server, phone, wrong_passwords=1)
        session, _ = await attempt(server, library, phone, answers)
        assert answers.said[1:] == ["password, hint a pet", "that is not the password", "password, hint a pet"]
        assert session.user_id == BERT


@both
async def test_three_wrong_answers(library: Library) -> None:
    async with loopback() as server:
        phone = server.directory.member(BERT).phone
        with pytest.raises(LoginError, match="three wrong codes"):
            await attempt(server, library, phone, Answers(server, phone, wrong_codes=3))
        with pytest.raises(LoginError, match="three wrong passwords"):
            await attempt(server, library, phone, Answers(server, phone, wrong_passwords=3))


@both
@pytest.mark.parametrize(
    ("code", "name", "words"),
    [
        (420, "FLOOD_WAIT_3600", "wait 60 min"),
        (400, "PHONE_NUMBER_BANNED", "recover@telegram.org"),
        (400, "API_ID_INVALID", "my.telegram.org"),
        (400, "WHO_KNOWS", "Telegram refuses the login: WHO_KNOWS"),
        (303, "PHONE_MIGRATE_4", "data centre 4"),
    ],
)
async def test_refusals(library: Library, code: int, name: str, words: str) -> None:
    async with loopback() as server:
        phone = server.directory.member(ANNA).phone
        server.faults.fail("auth.sendCode", code, name, times=5)
        with pytest.raises(LoginError, match=words):
            await attempt(server, library, phone, Answers(server, phone))


@both
async def test_a_move_to_another_data_centre(library: Library) -> None:
    async with loopback() as server:
        phone = server.directory.member(ANNA).phone
        server.faults.fail("auth.sendCode", 303, "PHONE_MIGRATE_2")  # where it says it is
        session, _ = await attempt(server, library, phone, Answers(server, phone))
        assert (session.dc, session.host, session.port) == (2, *server.address)


@both
async def test_numbers_without_an_account(library: Library) -> None:
    async with loopback() as server:
        with pytest.raises(LoginError, match="country code"):
            await attempt(server, library, "12", Answers(server, "12"))
        with pytest.raises(LoginError, match="make one in the Telegram app first"):
            await attempt(server, library, "+1 555 0100", Answers(server, "15550100"))


@both
async def test_nobody_there(library: Library) -> None:
    async with loopback() as server:
        await server.stop_listening()
        with pytest.raises(LoginError, match="check the network"):
            await attempt(server, library, "15550100", Answers(server, "15550100"))


@both
async def test_a_server_that_is_not_who_it_should_be(library: Library) -> None:
    async with loopback() as server:
        stranger = LoopbackTelegram()
        async with stranger:
            stranger.add_member(ANNA, "Anna")
            expected = Server(*stranger.address, public_key=server.key.public_pem)
            with pytest.raises(LoginError, match="could not prove"):
                await log_in(
                    maker(library, server), expected, API_ID, API_HASH, "9996601001", Answers(stranger, "9996601001")
                )
