"""DCI's EncryptedMessage at the edge: opened, answered in kind, and refused with DCI's code otherwise."""

import json
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio
from sandhi_client import Problem
from sandhi_client.sealed import EncryptionKey

from gateway.trust.dialects import DIALECTS, Message
from gateway.trust.keys import new_key, private_jwk
from gateway.trust.rotation import rotate
from tests.signing_place import ENC, SEARCH, SigningPlace, header, search, signing_place

pytestmark = pytest.mark.asyncio(loop_scope="module")
JSON = {"content-type": "application/json"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SigningPlace]:
    async with signing_place(tmp_path_factory.mktemp("encrypted")) as opened:
        yield opened


def ours() -> EncryptionKey:
    return EncryptionKey(private_jwk(ENC))


async def theirs(place: SigningPlace) -> EncryptionKey:
    async with place.client() as client:
        return await client.session.encryption_key()


async def asked(place: SigningPlace, message: Mapping[str, Any], *, encrypted: bool = True) -> dict[str, Any]:
    """The reply to a signed message, as the gateway sent it."""
    envelope = {"header": header(is_msg_encrypted=encrypted), "message": dict(message)}
    made = DIALECTS["dci-jws"].sign(Message.of(envelope), place.key, place.services.trust.clock())
    async with place.client() as client:
        reply = await client.session.call("POST", SEARCH, content=made.body, headers=JSON)
    found: dict[str, Any] = json.loads(reply.body)
    return found


async def refusal(place: SigningPlace, message: Mapping[str, Any], *, encrypted: bool = True) -> str:
    with pytest.raises(Problem) as problem:
        await asked(place, message, encrypted=encrypted)
    assert problem.value.status == 400
    document: Any = problem.value.document
    return str(document["errors"][0]["code"])


async def test_an_encrypted_question_has_an_encrypted_and_signed_answer(place: SigningPlace) -> None:
    await place.agree()
    reply = await asked(place, (await theirs(place)).close(search()))
    assert reply["header"]["is_msg_encrypted"] is True
    assert reply["signature"]
    message = ours().open(reply["message"])
    assert len(message["search_response"]) == 1


async def test_a_question_in_clear_has_an_encrypted_answer_where_that_is_agreed(place: SigningPlace) -> None:
    await place.agree(encryption={"outgoing": True})
    reply = await asked(place, search(), encrypted=False)
    assert ours().open(reply["message"])["search_response"]


async def test_a_question_in_clear_is_refused_where_encryption_is_agreed(place: SigningPlace) -> None:
    await place.agree(encryption={"required": True})
    assert await refusal(place, search(), encrypted=False) == "err.encryption.invalid"


async def test_a_rotated_key_opens_what_was_encrypted_before(place: SigningPlace) -> None:
    await place.agree()
    old, services = await theirs(place), place.services
    now = datetime.now(UTC)
    folder = services.trust.keys.folder
    await rotate(services.db, services.log, folder, "encryption", now=now, use_from=now, care=services.trust.keys.care)
    services.trust.forget()
    new = await theirs(place)
    assert new.kid != old.kid
    for key in (old, new):
        assert (await asked(place, key.close(search())))["header"]["is_msg_encrypted"] is True


def with_header(sealed: Mapping[str, Any], **changed: object) -> dict[str, Any]:
    return {**sealed, "header": {**sealed["header"], **changed}}


BROKEN = {
    "compressed": lambda sealed: with_header(sealed, zip="DEF"),
    "another content algorithm": lambda sealed: with_header(sealed, enc="A128GCM"),
    "another key algorithm": lambda sealed: with_header(sealed, alg="RSA-OAEP-256"),
    "a key of nobody": lambda sealed: with_header(sealed, kid="nobody"),
    "a critical member": lambda sealed: with_header(sealed, crit=["exp"]),
    "keys pointed to": lambda sealed: with_header(sealed, jku="https://evil.example/keys"),
    "no ephemeral key": lambda sealed: {
        **sealed,
        "header": {name: value for name, value in sealed["header"].items() if name != "epk"},
    },
    "altered": lambda sealed: {**sealed, "ciphertext": "AAAA" + sealed["ciphertext"][4:]},
    "a short tag": lambda sealed: {**sealed, "tag": sealed["tag"][:10]},
    "a protected header": lambda sealed: {**sealed, "protected": "e30"},
    "no key": lambda sealed: {**sealed, "encrypted_key": ""},
    "larger than allowed": lambda sealed: {**sealed, "ciphertext": "A" * 1_000_000},
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN.keys())
async def test_what_cannot_be_opened_is_refused(place: SigningPlace, broken: Any) -> None:
    await place.agree()
    assert await refusal(place, broken((await theirs(place)).close(search()))) == "err.encryption.invalid"


async def test_a_message_to_another_key_is_refused(place: SigningPlace) -> None:
    await place.agree()
    mine = await theirs(place)
    other = EncryptionKey(private_jwk(new_key("ECDH-ES+A256KW")))
    sealed = with_header(other.close(search()), kid=mine.kid)
    assert await refusal(place, sealed) == "err.encryption.invalid"


async def test_the_flag_and_the_message_must_agree(place: SigningPlace) -> None:
    await place.agree()
    assert await refusal(place, search()) == "err.encryption.invalid"
    sealed = (await theirs(place)).close(search())
    assert await refusal(place, sealed, encrypted=False) == "err.encryption.invalid"


async def test_what_is_inside_is_checked_as_what_is_outside(place: SigningPlace) -> None:
    await place.agree()
    key = await theirs(place)
    assert await refusal(place, key.close({"transaction_id": "t"})) == "err.request.bad"
    twice = key.close(key.close(search()))
    assert await refusal(place, twice) == "rjct.total_count.invalid"


async def test_the_same_message_encrypted_anew_is_the_same_message(place: SigningPlace) -> None:
    await place.agree()
    key, head, message = await theirs(place), header(is_msg_encrypted=True), search()
    replies = []
    for _ in range(2):
        envelope = {"header": head, "message": key.close(message)}
        made = DIALECTS["dci-jws"].sign(Message.of(envelope), place.key, place.services.trust.clock())
        async with place.client() as client:
            try:
                await client.session.call("POST", SEARCH, content=made.body, headers=JSON)
                replies.append("answered")
            except Problem as problem:
                document: Any = problem.document
                replies.append(document["errors"][0]["code"])
    assert replies == ["answered", "rjct.message_id.duplicate"]


async def test_nothing_leaves_in_clear_when_the_partners_key_is_gone(place: SigningPlace) -> None:
    await place.agree(encryption={"outgoing": True})
    snapshot = place.services.trust.directory.snapshot
    held: Any = snapshot.enc_keys
    kept = dict(held)
    held.clear()
    try:
        assert await refusal(place, search(), encrypted=False) == "err.encryption.invalid"
    finally:
        held.update(kept)
