"""Messages at the edges, in every dialect: what is agreed is taken and answered in kind, anything weaker is refused."""

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
import pytest_asyncio
from sandhi_client import Problem
from sandhi_client.dialects import kid_of, prove
from sandhi_client.http_signatures import Exchanged

from gateway.trust.dialects import DIALECTS, Message
from tests.signing_place import NIC, SEARCH, SR, URL, SigningPlace, header, search, signing_place

pytestmark = pytest.mark.asyncio(loop_scope="module")
JSON = {"content-type": "application/json"}
IN_THE_BODY = ("dci-jws", "dci-params", "jws-body")
SIGNING = [name for name in DIALECTS if name != "none"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SigningPlace]:
    async with signing_place(tmp_path_factory.mktemp("signed")) as opened:
        yield opened


async def policy(place: SigningPlace, dialect: str, **more: Any) -> None:
    await place.agree(signature={"dialect": dialect, "required": dialect != "none", **more})


def signed(place: SigningPlace, dialect: str, **head: Any) -> tuple[bytes, dict[str, str]]:
    """Body and headers of a search that is signed in this dialect; `rfc9421` is the client's to do."""
    message = Message.of({"header": header(**head), "message": search()}, headers=tuple(JSON.items()))
    if dialect == "rfc9421":
        return message.body, dict(message.headers)
    made = DIALECTS[dialect].sign(message, place.key, place.services.trust.clock())
    return made.body, dict(made.headers)


async def sent(place: SigningPlace, dialect: str, body: bytes, headers: Mapping[str, str]) -> Any:
    client = place.client(sign_messages=dialect == "rfc9421")
    try:
        return await client.session.call("POST", SEARCH, content=body, headers=headers)
    finally:
        await client.close()


async def refusal(place: SigningPlace, dialect: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, str]:
    with pytest.raises(Problem) as problem:
        await sent(place, dialect, body, headers)
    document: Any = problem.value.document
    return problem.value.status, str(document["errors"][0]["code"])


@pytest.mark.parametrize("dialect", SIGNING)
async def test_a_message_in_the_agreed_dialect_is_answered_in_it(place: SigningPlace, dialect: str) -> None:
    await policy(place, dialect)
    reply = await sent(place, dialect, *signed(place, dialect))
    envelope = json.loads(reply.body)
    assert envelope["header"]["action"] == "on-search"
    if dialect == "rfc9421":
        return  # the client takes no answer that is not signed for its request
    received = Exchanged("", "", dict(reply.headers), reply.body)
    async with place.client() as client:
        keys = await client.session.keys_with(kid_of(dialect, received, envelope))
    prove(dialect, received, envelope, keys)


WEAKER = [(agreed, presented) for agreed in SIGNING for presented in DIALECTS if agreed != presented]


@pytest.mark.parametrize(("agreed", "presented"), WEAKER)
async def test_nothing_else_than_the_agreed_dialect_is_taken(place: SigningPlace, agreed: str, presented: str) -> None:
    await policy(place, agreed)
    before = len(await place.downgrades())
    status, code = await refusal(place, presented, *signed(place, presented))
    missing = presented == "none" or agreed == "rfc9421"
    assert (status, code) == (401, "err.signature.missing" if missing else "err.signature.invalid")
    entries = await place.downgrades()
    assert len(entries) == before + 1
    assert {"system": SR, "agreed": agreed} in [{name: each[name] for name in ("system", "agreed")} for each in entries]


@pytest.mark.parametrize("dialect", ["dci-jws", "jws-body", "jws-header"])
async def test_the_compliance_suites_stub_and_forms_of_nothing_are_refused(place: SigningPlace, dialect: str) -> None:
    await policy(place, dialect)
    for stub in ("unsigned-stub", "invalid-signature", "", "eyJhbGciOiJSUzI1NiJ9.", "!@#$%^&*()"):
        body = json.dumps({"signature": stub, "header": header(), "message": search()}).encode()
        status, code = await refusal(place, dialect, body, JSON)
        assert (status, code.startswith("err.signature.")) == (401, True)


async def test_an_unsigned_message_is_taken_only_where_that_is_agreed(place: SigningPlace) -> None:
    await policy(place, "none")
    reply = await sent(place, "none", *signed(place, "none"))
    assert "signature" not in json.loads(reply.body)
    await place.agree(signature={"dialect": "dci-jws", "required": False})
    assert (await sent(place, "none", *signed(place, "none"))).status == 200
    body = json.dumps({"signature": "a..b", "header": header(), "message": search()}).encode()
    assert await refusal(place, "dci-jws", body, JSON) == (401, "err.signature.invalid")


async def test_a_message_is_answered_once(place: SigningPlace) -> None:
    await policy(place, "dci-jws")
    body, headers = signed(place, "dci-jws")
    await sent(place, "dci-jws", body, headers)
    assert await refusal(place, "dci-jws", body, headers) == (400, "rjct.message_id.duplicate")


async def test_an_address_that_is_not_registered_is_refused_and_never_called(place: SigningPlace) -> None:
    await policy(place, "dci-jws")
    body, headers = signed(place, "dci-jws", sender_uri="https://evil.example/callback")
    assert await refusal(place, "dci-jws", body, headers) == (403, "err.sender_uri.invalid")


async def test_the_native_surface_asks_for_the_signature_and_signs_its_answers(place: SigningPlace) -> None:
    await policy(place, "rfc9421")
    async with place.client(sign_messages=True) as client:
        assert (await client.call("GET", "/v1/catalogue?x=1")).status == 200
    async with place.client() as client:
        with pytest.raises(Problem) as problem:
            await client.call("GET", "/v1/catalogue")
        assert (problem.value.status, problem.value.code) == (401, "unauthenticated")


async def test_a_signature_that_nobody_asked_for_must_still_be_good(place: SigningPlace) -> None:
    await policy(place, "dci-jws")
    async with place.client(sign_messages=True) as client:
        assert (await client.call("GET", "/v1/catalogue")).status == 200
    headers = {"signature-input": "sandhi=();created=1", "signature": "sandhi=:AA==:"}
    async with place.client() as client:
        with pytest.raises(Problem) as problem:
            await client.session.call("GET", "/v1/catalogue", headers=headers)
        assert problem.value.status == 401


async def test_an_answer_is_signed_unasked_where_the_policy_names_the_dialect(place: SigningPlace) -> None:
    await place.agree(signature={"dialect": "rfc9421", "required": False})
    async with place.client() as client:
        reply = await client.call("GET", "/v1/catalogue")
    assert 'tag="fapi-2-response"' in reply.headers["signature-input"]


async def test_a_refusal_inside_is_signed_too(place: SigningPlace) -> None:
    await policy(place, "rfc9421")
    async with place.client(sign_messages=True) as client:
        with pytest.raises(Problem) as problem:
            await client.call("POST", "/v1/exchanges", json={"service": "tax.employment"})
    assert problem.value.code == "bad_request.shape"


async def test_the_client_takes_no_answer_to_another_question(place: SigningPlace) -> None:
    await policy(place, "rfc9421")
    async with place.client(sign_messages=True) as client:
        reply = await client.call("GET", "/v1/catalogue")
        keys = await client.session.keys_with("")
    asked = Exchanged("GET", f"{URL}/v1/systems", {})
    answer = Exchanged("", "", dict(reply.headers), reply.body, 200, asked)
    with pytest.raises(ValueError, match="is covered"):
        prove("rfc9421", answer, {}, keys)


async def test_a_body_changed_on_the_way_is_refused(place: SigningPlace) -> None:
    await policy(place, "rfc9421")
    async with place.client(sign_messages=True) as client:
        session: Any = client.session
        request = session._http.request

        async def meddled(method: str, url: str, **sent: Any) -> Any:
            if sent.get("content"):
                sent["content"] = sent["content"].replace(b"eng", b"sin")
            return await request(method, url, **sent)

        session._http.request = meddled
        with pytest.raises(Problem) as problem:
            await client.session.call("POST", SEARCH, content=signed(place, "rfc9421")[0], headers=JSON)
    assert problem.value.status == 401


async def test_a_body_larger_than_is_held_is_refused_before_it_is_read(place: SigningPlace) -> None:
    await policy(place, "rfc9421")
    async with place.client(sign_messages=True) as client:
        with pytest.raises(Problem) as problem:
            await client.session.call("POST", "/v1/consents", content=b"x" * (16 * 1024 * 1024 + 1), headers=JSON)
    assert problem.value.status == 413


@pytest.mark.parametrize("dialect", SIGNING)
async def test_the_log_says_how_the_question_was_signed_and_nothing_of_the_person(
    place: SigningPlace, dialect: str
) -> None:
    await policy(place, dialect)
    await sent(place, dialect, *signed(place, dialect))
    (entry,) = await place.intents(1)
    evidence: Any = entry["signature"]
    assert (evidence["dialect"], evidence["kid"], len(evidence["digest"])) == (dialect, place.key.kid, 64)
    assert "coercions" not in evidence


async def test_the_log_says_how_a_native_question_was_signed(place: SigningPlace) -> None:
    await policy(place, "rfc9421")
    subject = {"identifiers": [{"type": "NIC", "value": NIC}]}
    body = {"service": "tax.employment", "purpose": "employment-support.eligibility", "subject": subject}
    asked = body | {"claim": {"name": "employment_status", "parameters": {"months": 6}}}
    async with place.client(sign_messages=True) as client:
        with pytest.raises(Problem):
            await client.call("POST", "/v1/exchanges", json=asked)
    (entry,) = await place.intents(1)
    evidence: Any = entry["signature"]
    assert (evidence["dialect"], evidence["kid"]) == ("rfc9421", place.key.kid)
