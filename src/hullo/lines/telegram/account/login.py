"""The login: a phone number, the code Telegram sends to the owner's other devices, perhaps a password."""

from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from hullo.lines.telegram.account import translate
from hullo.lines.telegram.account.client import MtprotoClient, Server, address_of, kind
from hullo.lines.telegram.account.errors import Migrate
from hullo.lines.telegram.account.link import MakeClient
from hullo.lines.telegram.account.session_file import Session
from hullo.lines.telegram.port import TelegramError, User

_REPLY = 30.0
_TRIES = 3
_MOVES = 2

MakeMaker = Callable[[Session], MakeClient]

_WHAT_NOW = {
    "PHONE_NUMBER_INVALID": "Telegram knows no such number: write it with the country code, such as +44 20 7946 0000",
    "PHONE_NUMBER_BANNED": "Telegram has banned this number: write to recover@telegram.org if that is a mistake",
    "PHONE_NUMBER_FLOOD": "too many logins with this number lately: wait a day",
    "PHONE_PASSWORD_FLOOD": "too many wrong passwords: wait a day",
    "PHONE_CODE_EXPIRED": "the code has expired: begin again",
    "API_ID_INVALID": "api_id and api_hash do not belong together: copy both from https://my.telegram.org",
    "API_ID_PUBLISHED_FLOOD": "this api_id is known to everybody and is limited: get your own at my.telegram.org",
}


class LoginError(Exception):
    """The login failed; the message says why and what to do."""


class Prompts(Protocol):
    """Who answers the questions of a login."""

    async def code(self, sent_to: str) -> str:
        """The code; `sent_to` says where it went."""

    async def password(self, hint: str) -> str:
        """The password for two-step verification."""

    def wrong(self, what: str) -> None:
        """That was not right; the question comes again."""


async def log_in(
    make_maker: MakeMaker, server: Server, api_id: int, api_hash: str, phone: str, prompts: Prompts
) -> tuple[Session, User]:
    """A new login, to be stored. Raises `LoginError`."""
    session = Session(api_id=api_id, dc=server.dc, host=server.host, port=server.port)
    try:
        for _ in range(_MOVES):
            client = make_maker(session)(_ignore, _ignore)
            try:
                config = await client.connect()
                try:
                    return await _Login(client, api_id, api_hash, phone, prompts).run()
                except Migrate as move:
                    session = _in_centre(session, config, move.dc)
            finally:
                await client.close()
    except TelegramError as error:
        raise LoginError(explain(error)) from None
    raise LoginError("Telegram sends us from one data centre to the next: try again later")


def explain(error: TelegramError) -> str:
    """An error of a login, in words."""
    if error.retry_after is not None:
        return f"too many attempts: Telegram asks to wait {error.retry_after / 60:.0f} min"
    if hasattr(error, "detail"):
        return str(error.detail)
    return _WHAT_NOW.get(error.name, f"Telegram refuses the login: {error.name}")


class _Login:
    def __init__(self, client: MtprotoClient, api_id: int, api_hash: str, phone: str, prompts: Prompts) -> None:
        self._client = client
        self._application = {"api_id": api_id, "api_hash": api_hash}
        self._phone = phone
        self._prompts = prompts

    async def run(self) -> tuple[Session, User]:
        sent = await self._ask(
            "auth.sendCode",
            phone_number=self._phone,
            settings=self._client.make("codeSettings"),
            **self._application,
        )
        if kind(sent) != "SentCode":
            raise LoginError(f"Telegram answers with {kind(sent)}, which needs its own app: log in there first")
        answer = await self._give_code(sent)
        if kind(answer) == "AuthorizationSignUpRequired":
            raise LoginError("no account has this number: make one in the Telegram app first")
        user = translate.user(answer.user)
        if user is None:
            raise LoginError("Telegram did not say who logged in: try again")
        return msgspec.structs.replace(self._client.session, user_id=user.id), user

    async def _give_code(self, sent: Any) -> Any:
        for _ in range(_TRIES):
            code = await self._prompts.code(_sent_to(sent))
            try:
                return await self._ask(
                    "auth.signIn", phone_number=self._phone, phone_code_hash=sent.phone_code_hash, phone_code=code
                )
            except TelegramError as error:
                if error.name == "SESSION_PASSWORD_NEEDED":
                    return await self._give_password()
                if error.name not in ("PHONE_CODE_INVALID", "PHONE_CODE_EMPTY"):
                    raise
                self._prompts.wrong("that is not the code")
        raise LoginError("three wrong codes: begin again")

    async def _give_password(self) -> Any:
        for _ in range(_TRIES):
            settings = await self._ask("account.getPassword")
            password = await self._prompts.password(settings.hint or "")
            try:
                proof = self._client.password_proof(settings, password)
                return await self._ask("auth.checkPassword", password=proof)
            except TelegramError as error:
                if error.name not in ("PASSWORD_HASH_INVALID", "SRP_ID_INVALID", "SRP_PASSWORD_CHANGED"):
                    raise
                self._prompts.wrong("that is not the password")
        raise LoginError("three wrong passwords: begin again")

    async def _ask(self, name: str, **fields: Any) -> Any:
        return await self._client.invoke(self._client.function(name, **fields), _REPLY)


def _in_centre(session: Session, config: Any, dc: int) -> Session:
    """A session in another data centre, where a new key is made. Raises `LoginError`."""
    address = address_of(config, dc)
    if address is None:
        raise LoginError(f"Telegram did not say where data centre {dc} is: try again later")
    return msgspec.structs.replace(session, dc=dc, host=address[0], port=address[1], auth_key=b"")


def _sent_to(sent: Any) -> str:
    match kind(sent.type):
        case "SentCodeTypeApp":
            return "the Telegram app on your other devices"
        case "SentCodeTypeSms" | "SentCodeTypeSmsWord" | "SentCodeTypeSmsPhrase":
            return "your phone, as a text message"
        case "SentCodeTypeCall" | "SentCodeTypeMissedCall" | "SentCodeTypeFlashCall":
            return "your phone, by a call"
        case "SentCodeTypeEmailCode":
            return "your e-mail address"
        case "SentCodeTypeFragmentSms":
            return "fragment.com"
        case other:
            return other.removeprefix("SentCodeType")


def _ignore(_anything: Any) -> None:
    """Updates, and lost connections, which requests notice as well."""
