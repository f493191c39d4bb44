"""The SDK speaks DCI with a whole gateway, in every dialect; pages and tampering against a registry of our own."""

import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
import pytest_asyncio
from sandhi_client import AnswerNotSigned, Claim, Client, MessageRefused
from sandhi_client.dci import Dci, Search, Wish
from sandhi_client.dialects import envelope_signature
from sandhi_client.keys import OwnKey

import schemas
from gateway.trust.dialects import DIALECTS
from gateway.trust.keys import new_key, private_jwk
from tests.signing_place import NIC, SigningPlace, signing_place
from tests.small_gateway import client_file
from tests.trusting import SR

pytestmark = pytest.mark.asyncio(loop_scope="module")
TAX = "ns:sandhi:RegistryType:Tax"
PURPOSE = "employment-support.eligibility"
GATEWAY = "LK.GOV.SANDHI.GATEWAY"
SIGNING = [name for name in DIALECTS if name != "none"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SigningPlace]:
    async with signing_place(tmp_path_factory.mktemp("spoken")) as opened:
        yield opened


def item(**more: Any) -> Search:
    claim = Claim("employment_status", {"months": 6})
    return Search.by_id("NIC", NIC, reg_type=TAX, purpose=PURPOSE, claim=claim, **more)


@pytest.mark.parametrize("dialect", SIGNING)
async def test_a_search_is_signed_as_agreed_and_its_reply_is_checked(place: SigningPlace, dialect: str) -> None:
    await place.agree(signature={"dialect": dialect, "required": True})
    async with place.client(sign_messages=dialect == "rfc9421") as client:
        dci = Dci(client.session, receiver=GATEWAY, dialect=dialect)
        one, two = await dci.search(item(), Search.by_id("NIC", NIC, reg_type="x:Nothing", purpose=PURPOSE))
    assert (one.status, one.message.partition(":")[0], one.records) == ("rjct", "refused_by_rules", [])
    assert (two.code, two.message.partition(":")[0]) == ("rjct.search_criteria.invalid", "bad_request.service")


async def test_another_dialect_than_agreed_is_a_refused_message(place: SigningPlace) -> None:
    await place.agree(signature={"dialect": "jws-body", "required": True})
    async with place.client() as client:
        with pytest.raises(MessageRefused) as refused:
            await Dci(client.session, receiver=GATEWAY).search(item())
    assert (refused.value.status, refused.value.code) == (401, "err.signature.invalid")


async def test_a_subscription_is_acknowledged(place: SigningPlace) -> None:
    await place.agree(signature={"dialect": "dci-jws", "required": True})
    wish = Wish("enrolment", "ns:org:RegistryType:ESS", "Member", "employment-support.referral")
    async with place.client() as client:
        taken = await Dci(client.session, receiver="LK.GOV.DME.ESS").subscribe(wish)
    assert taken.will_follow
    assert taken.correlation_id


@pytest.mark.parametrize(
    "search",
    [
        item(sort=(("birth_date", "asc"),), page_size=10),
        Search.by_expression({"$and": [{"NIC": {"$eq": NIC}}]}, reg_type=TAX),
        Search.by_predicate(("birth_date", "ge", "1990-01-01"), ("sex", "eq", "female"), reg_type=TAX),
    ],
    ids=["id", "expression", "predicate"],
)
async def test_every_form_of_a_query_fits_the_published_schema(search: Search) -> None:
    message = {"transaction_id": "t1", "search_request": [search.wire()]}
    schema = schemas.load("dci/ess.json")["operations"]["/registry/sync/search"]["request"]["properties"]["message"]
    assert list(jsonschema.Draft4Validator(schema).iter_errors(message)) == []


class Registry(httpx.AsyncBaseTransport):
    """25 records in pages, signed with a key it publishes; `altered` spoils the replies."""

    def __init__(self) -> None:
        self.key = new_key("EdDSA")
        self.altered = False
        self.pages: list[int] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/.well-known/jwks.json":
            return httpx.Response(200, json={"keys": [OwnKey(private_jwk(self.key)).public_jwk]})
        if request.url.path == "/oauth2/token":
            return httpx.Response(200, json={"access_token": "t", "expires_in": 300})
        asked = json.loads(await request.aread())
        header, message = {"action": "on-search", "status": "succ"}, self._answer(asked["message"])
        signature = envelope_signature(header, message, OwnKey(private_jwk(self.key)))
        if self.altered:
            message["transaction_id"] = "another"
        return httpx.Response(200, json={"signature": signature, "header": header, "message": message})

    def _answer(self, message: Mapping[str, Any]) -> dict[str, Any]:
        (asked,) = message["search_request"]
        page = asked["search_criteria"]["pagination"]
        self.pages.append(page["page_number"])
        first = (page["page_number"] - 1) * page["page_size"]
        records = [{"number": number} for number in range(first, min(first + page["page_size"], 25))]
        told = {"reference_id": asked["reference_id"], "status": "succ", "data": {"reg_records": records}}
        told["pagination"] = page | {"total_count": 25}
        return {"transaction_id": message["transaction_id"], "search_response": [told]}


def registry_client(registry: Registry, folder: Path) -> Client:
    path = client_file(folder, "http://registry.example", SR, new_key("ES256"))
    return Client.from_file(path, transport=registry)


async def test_every_record_of_every_page_comes_once(tmp_path: Path) -> None:
    registry = Registry()
    async with registry_client(registry, tmp_path) as client:
        pages = Dci(client.session, receiver="R").search_pages(item(), page_size=10)
        assert [each["number"] async for each in pages] == list(range(25))
    assert registry.pages == [1, 2, 3]


async def test_a_reply_that_was_altered_is_not_taken(tmp_path: Path) -> None:
    registry = Registry()
    registry.altered = True
    async with registry_client(registry, tmp_path) as client:
        with pytest.raises(AnswerNotSigned):
            await Dci(client.session, receiver="R").search(item(page_size=10))
