"""Whatever text a caller puts into a path, a query, a form or a header: no header of the answer carries a line break or
a field of the caller's making, and nothing faults. Threat 28."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from tests import people_place, small_gateway
from tests.trusting import SR, Pair, ath, form

VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
TEXTS = [
    "\r\nx-injected: 1",
    "\nx-injected: 1",
    "a\rx-injected: 1",
    "\x00\r\n\r\n<script>",
    "\u560a\u560dx-injected: 1",  # whose low bytes are LF and CR
    "%0d%0ax-injected:%201",
    '"; filename="x-injected',
    "தோழி",
    "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"),
]
OPEN = [
    "/console/{}",
    "/console/sign-in?next={}",
    "/console/sign-in/{}",
    "/console/signed-in/officers?state={}&code={}",
    "/my-data/sign-in?next=/my-data/{}",
    "/idp/authorize?client_id={}&redirect_uri={}&state={}",
    "/static/{}",
    "/.well-known/{}",
    "/v1/systems/{}",
    "/v1/approvals/{}",
]


@pytest.fixture(params=["people", "systems"])
async def http(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    opened = people_place.a_place if request.param == "people" else small_gateway.a_gateway
    async with opened(tmp_path) as place:
        transport = httpx.ASGITransport(place.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client:
            yield client


def check(answer: httpx.Response, sent: str) -> None:
    assert answer.status_code < 500, sent
    assert "x-injected" not in answer.headers, sent
    assert all(VALUE.fullmatch(value) for _, value in answer.headers.raw), sent


@pytest.mark.parametrize("text", TEXTS)
async def test_a_path_or_a_query_makes_no_header(http: httpx.AsyncClient, text: str) -> None:
    for path in OPEN:
        sent = path.replace("{}", quote(text, safe=""))
        check(await http.get(sent), sent)


@pytest.mark.parametrize("text", TEXTS)
async def test_a_form_or_a_header_makes_no_header(http: httpx.AsyncClient, text: str) -> None:
    names = (b"cookie", b"idempotency-key", b"dpop", b"authorization", b"x-request-id", b"origin")
    sent = dict.fromkeys(names, text.encode())
    check(await http.post("/oauth2/token", data=form(text, scope=text, resource=text), headers=sent), text)
    check(await http.get("/console", headers=sent), text)


@pytest.mark.parametrize("text", TEXTS)
async def test_who_is_known_makes_no_header_either(tmp_path: Path, text: str) -> None:
    pair = Pair()
    async with small_gateway.a_gateway(tmp_path) as place, place.client() as client:
        await place.register(SR, pair)
        asked = await client.post("/oauth2/token", data=form(pair.assertion()), headers={"DPoP": pair.proof()})
        access = asked.json()["access_token"]
        path = f"/v1/systems/{quote(text, safe='')}"
        proof = pair.proof(htm="GET", htu=f"http://127.0.0.1:8080{path}", ath=ath(access))
        answer = await client.get(path, headers={"authorization": f"DPoP {access}", "dpop": proof})
        assert answer.status_code == 404
        check(answer, text)
