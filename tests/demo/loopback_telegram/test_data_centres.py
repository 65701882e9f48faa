"""Two data centres, and files in both, with kurigram and Telethon as their users use them."""

import hashlib
import importlib
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest

from hullo.demo.loopback_telegram.server import LoopbackTelegram
from tests.demo.loopback_telegram.clients import KurigramClient, StockClient, client_of, server_key

ANNA, BERT = 1001, 1002
HOME, ELSEWHERE = 2, 4
SOUND = random.Random(4).randbytes(700_000)
CLIENTS = ["TCPAbridged", "ConnectionTcpFull"]


@pytest.fixture
async def server() -> AsyncIterator[LoopbackTelegram]:
    async with LoopbackTelegram(key=server_key(), centres=(HOME, ELSEWHERE)) as server:
        server.add_member(ANNA, "Anna")
        server.add_member(BERT, "Bert", dc=ELSEWHERE)
        yield server


async def send(client: StockClient, name: str) -> None:
    """A file to somebody."""
    size = 128 * 1024
    parts = [SOUND[begin : begin + size] for begin in range(0, len(SOUND), size)]
    for number, part in enumerate(parts):
        assert await client.request("upload.saveFilePart", file_id=77, file_part=number, bytes=part)
    found = (await client.request("contacts.resolveUsername", username=name)).users[0]
    md5 = hashlib.md5(SOUND).hexdigest()
    await client.request(
        "messages.sendMedia",
        peer=client.make("inputPeerUser", user_id=found.id, access_hash=found.access_hash),
        media=client.make(
            "inputMediaUploadedDocument",
            file=client.make("inputFile", id=77, parts=len(parts), name="a file", md5_checksum=md5),
            mime_type="audio/ogg",
            attributes=[],
        ),
        message="",
        random_id=5,
    )


@pytest.mark.parametrize(("one", "other"), [CLIENTS, CLIENTS[::-1]])
async def test_each_fetches_from_the_data_centre_of_the_other(server: LoopbackTelegram, one: str, other: str) -> None:
    async with client_of(server, one) as anna, client_of(server, other) as bert:
        assert await anna.log_in("+99966 01001", None) == ANNA
        assert await bert.log_in("+99966 01002", None) == BERT  # by way of PHONE_MIGRATE_4
        assert server.centre(ELSEWHERE).devices_of(BERT)
        for sender, name, recipient, place in ((anna, "bert", bert, HOME), (bert, "anna", anna, ELSEWHERE)):
            await send(sender, name)
            document = (await recipient.update("UpdateNewMessage")).message.media.document
            assert document.dc_id == place
            assert await recipient.download(document) == SOUND


def location(client: StockClient, document: Any) -> Any:
    return client.make(
        "inputDocumentFileLocation",
        id=document.id,
        access_hash=document.access_hash,
        file_reference=document.file_reference,
        thumb_size="",
    )


async def test_the_wrong_data_centre_says_which_is_right_and_no_login_is_taken_twice(server: LoopbackTelegram) -> None:
    errors: Any = importlib.import_module("pyrogram.errors")
    async with client_of(server, "TCPAbridged") as anna, client_of(server, "ConnectionTcpFull") as bert:
        assert isinstance(anna, KurigramClient)
        await anna.log_in("+99966 01001", None)
        await bert.log_in("+99966 01002", None)
        await send(bert, "anna")
        document = (await anna.update("UpdateNewMessage")).message.media.document
        wanted = {"location": location(anna, document), "offset": 0, "limit": 4096}
        with pytest.raises(errors.FileMigrate) as wrong:
            await anna.request("upload.getFile", **wanted)
        assert wrong.value.value == ELSEWHERE
        with pytest.raises(errors.DcIdInvalid):
            await anna.request("auth.exportAuthorization", dc_id=HOME)
        raw: Any = importlib.import_module("pyrogram.raw").functions
        elsewhere = await anna.client.get_session(ELSEWHERE, export_authorization=False, temporary=True)
        try:
            with pytest.raises(errors.AuthKeyUnregistered):
                await elsewhere.invoke(raw.upload.GetFile(**wanted))
            exported = await anna.request("auth.exportAuthorization", dc_id=ELSEWHERE)
            with pytest.raises(errors.AuthBytesInvalid):
                await elsewhere.invoke(raw.auth.ImportAuthorization(id=exported.id, bytes=bytes(128)))
            taken = raw.auth.ImportAuthorization(id=exported.id, bytes=exported.bytes)
            assert (await elsewhere.invoke(taken)).user.id == ANNA
            with pytest.raises(errors.AuthBytesInvalid):
                await elsewhere.invoke(taken)
            assert (await elsewhere.invoke(raw.upload.GetFile(**wanted))).bytes == SOUND[:4096]
            with pytest.raises(errors.UserMigrate):
                await elsewhere.invoke(raw.updates.GetState())
            server.world.files.expire_references()
            with pytest.raises(errors.FileReferenceExpired):
                await elsewhere.invoke(raw.upload.GetFile(**wanted))
            [again] = (await anna.request("messages.getMessages", id=[anna.make("inputMessageID", id=1)])).messages
            wanted["location"] = location(anna, again.media.document)
            assert (await elsewhere.invoke(raw.upload.GetFile(**wanted))).bytes == SOUND[:4096]
        finally:
            await elsewhere.stop()
