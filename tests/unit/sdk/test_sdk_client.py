"""The SDK against a small real gateway: real tokens, proofs and signatures; only the answers are made up."""

import json
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request, Response
from sandhi_client import (
    AnswerNotSigned,
    Claim,
    Client,
    Identifier,
    Name,
    NoToken,
    Patience,
    Problem,
    Subject,
    Unreachable,
)

from gateway.edges.body import json_lines, read_json
from gateway.edges.signing import signed_json
from gateway.edges.v1.problems import problem
from gateway.trust import register
from gateway.trust.keys import add_to_ring, new_key
from tests.small_gateway import Place, a_gateway, client_file, served
from tests.trusting import NOW, ORIGIN, SR, Clock, Pair

SOMEBODY = Subject((Identifier("NIC", "199012304567"),), (Name("sin", "Sinh", "කමලා පෙරේරා"),), date(1990, 5, 2))
ANSWER = {
    "exchange_id": "01a2",
    "outcome": "answered",
    "record": {"confirmed": True},
    "withheld": [{"field": "sex", "reason": "not_granted"}],
    "source": "national_id.identity",
    "source_code": "ok",
    "as_of": "2026-10-31",
    "match": "exact",
    "receipt": "log:1:01a2",
}
QUICK = Patience(attempts=3, first=0.001, longest=0.002)


@dataclass
class Made:
    """What the made-up routes saw, and how they shall behave."""

    seen: list[Any] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    trouble: list[Response] = field(default_factory=list)  # answered first, one a call
    polls: int = 0
    signed: Callable[[dict[str, Any], Place], Response] = lambda body, place: signed_json(body, place.trust)


def routes(app: FastAPI, made: Made, place: Place) -> None:
    @app.post("/v1/exchanges")
    async def exchanges(request: Request) -> Response:
        made.tokens.add(request.headers["authorization"])
        made.seen.append(await read_json(request))
        return made.trouble.pop(0) if made.trouble else made.signed(ANSWER, place)

    @app.post("/v1/batches")
    async def batches(request: Request) -> dict[str, object]:
        made.seen.append(await read_json(request))
        return {"batch_id": "b1", "exchange_id": "b1", "state": "running"}

    @app.get("/v1/batches/b1")
    async def batch() -> dict[str, object]:
        made.polls += 1
        state = "running" if made.polls < 3 else "done"
        return {"batch_id": "b1", "exchange_id": "b1", "state": state, "receipt": "log:9:x"}

    @app.get("/v1/batches/b1/results")
    async def results() -> Response:
        if made.trouble:
            return made.trouble.pop(0)
        lines = [
            {"line": "a", "outcome": "answered", "claims": {"active": True}, "source": "s", "as_of": "2026-09-30"},
            {"line": "b", "outcome": "unknown_person", "detail": "Nobody.", "source": "s"},
            {"line": "c", "outcome": "source_stale", "detail": "Old.", "source": "s"},
        ]
        return Response("".join(json.dumps(line) + "\n" for line in lines), media_type="application/x-ndjson")

    @app.post("/v1/deliveries")
    async def deliveries(request: Request) -> dict[str, object]:
        made.seen.append(await read_json(request))
        return {
            "delivery_id": "d1",
            "exchange_id": "d1",
            "service": "ess.referral",
            "state": "accepted",
            "outcome": None,
        }

    @app.post("/v1/consents")
    async def consents(request: Request) -> Response:
        lines = [line async for line in json_lines(request)]
        made.seen.append(len(lines))
        told = [{"line": place + 1, "id": str(place), "outcome": "recorded"} for place in range(len(lines))]
        return Response("".join(json.dumps(line) + "\n" for line in told), media_type="application/x-ndjson")

    @app.post("/v1/consents/withdraw")
    async def withdraw(request: Request) -> dict[str, object]:
        made.seen.append(await read_json(request))
        return {"withdrawn": [{"id": "c1", "outcome": "withdrawn", "receipt": "log:3:x"}]}


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with a_gateway(tmp_path, clock=Clock(datetime.now(UTC))) as built:
        yield built


@pytest.fixture
async def made(place: Place) -> Made:
    found = Made()
    routes(place.app, found, place)
    return found


async def a_client(place: Place, folder: Path, *, alg: str = "ES256") -> Client:
    key = new_key(alg)
    pair = Pair(alg, key.kid, key.material.private_key)
    await place.register(SR, pair)
    transport = httpx.ASGITransport(place.app)
    return Client.from_file(client_file(folder, ORIGIN, SR, key), transport=transport, patience=QUICK)


@pytest.fixture
async def client(place: Place, tmp_path: Path) -> AsyncIterator[Client]:
    async with await a_client(place, tmp_path) as found:
        yield found


async def asked(client: Client) -> Any:
    return await client.exchange(
        service="national_id.identity",
        purpose="employment-support.eligibility",
        subject=SOMEBODY,
        fields=["sex", "confirmed"],
        as_at=date(2026, 10, 31),
        case="c-1",
    )


async def test_an_answer_comes_typed_and_the_question_has_the_documented_shape(client: Client, made: Made) -> None:
    answer = await asked(client)
    assert (answer.outcome, answer.record, answer.as_of) == ("answered", {"confirmed": True}, date(2026, 10, 31))
    assert answer.withheld == (("sex", "not_granted"),)
    assert made.seen == [
        {
            "service": "national_id.identity",
            "purpose": "employment-support.eligibility",
            "fields": ["confirmed", "sex"],
            "as_at": "2026-10-31",
            "case": "c-1",
            "subject": {
                "identifiers": [{"type": "NIC", "value": "199012304567"}],
                "names": [{"language": "sin", "script": "Sinh", "value": "කමලා පෙරේරා"}],
                "birth_date": "1990-05-02",
            },
        }
    ]


@pytest.mark.parametrize("alg", ["EdDSA", "PS256"])
async def test_every_kind_of_key_gets_in(place: Place, made: Made, tmp_path: Path, alg: str) -> None:
    async with await a_client(place, tmp_path, alg=alg) as client:
        assert (await asked(client)).outcome == "answered"


async def test_one_token_serves_many_calls(client: Client, made: Made) -> None:
    for _ in range(5):
        await asked(client)
    assert len(made.tokens) == 1


async def test_a_token_is_renewed_before_it_expires(client: Client, made: Made) -> None:
    await asked(client)
    client.session._renew_at = 0.0
    await asked(client)
    assert len(made.tokens) == 2


async def test_a_refused_token_is_renewed_once(client: Client, made: Made, place: Place) -> None:
    await asked(client)
    made.trouble.append(problem("unauthenticated", "no"))
    assert (await asked(client)).outcome == "answered"
    made.trouble += [problem("unauthenticated", "no"), problem("unauthenticated", "no")]
    with pytest.raises(Problem) as refused:
        await asked(client)
    assert refused.value.code == "unauthenticated"


async def test_a_busy_gateway_is_asked_again(client: Client, made: Made) -> None:
    made.trouble += [problem("source_down", "slow"), problem("no_evidence", "full")]
    assert (await asked(client)).outcome == "answered"
    assert len(made.seen) == 3


async def test_patience_ends(client: Client, made: Made) -> None:
    made.trouble += [problem("source_down", "slow")] * 3
    with pytest.raises(Problem) as refused:
        await asked(client)
    assert (refused.value.status, refused.value.code) == (503, "source_down")


@pytest.mark.parametrize("code", ["no_link", "refused_by_rules", "unknown_person", "bad_request.shape", "source_stale"])
async def test_what_does_not_pass_by_itself_is_not_repeated(client: Client, made: Made, code: str) -> None:
    made.trouble.append(problem(code, "no", exchange_id="e1", retryable=False))
    with pytest.raises(Problem) as refused:
        await asked(client)
    assert (refused.value.code, refused.value.exchange_id, refused.value.retryable) == (code, "e1", False)
    assert len(made.seen) == 1


async def test_an_unsigned_answer_is_refused(client: Client, made: Made) -> None:
    made.signed = lambda body, place: Response(json.dumps(body), media_type="application/json")
    with pytest.raises(AnswerNotSigned):
        await asked(client)


async def test_an_altered_answer_is_refused(client: Client, made: Made) -> None:
    def altered(body: dict[str, Any], place: Place) -> Response:
        response = signed_json(body, place.trust)
        changed = bytes(response.body).replace(b"true", b"false")
        return Response(changed, 200, {"sandhi-signature": response.headers["sandhi-signature"]})

    made.signed = altered
    with pytest.raises(AnswerNotSigned):
        await asked(client)


async def test_a_new_key_of_the_gateway_is_fetched_when_it_is_met(client: Client, made: Made, place: Place) -> None:
    await asked(client)
    add_to_ring(place.trust.keys.folder, "message", new_key("EdDSA"), place.clock.now)
    place.trust.forget()
    assert (await asked(client)).outcome == "answered"


async def test_a_suspended_system_is_told_by_the_token_endpoint(client: Client, made: Made, place: Place) -> None:
    async with place.db.write() as connection:
        await register.set_state(connection, place.log, SR.id, "suspended", NOW)
    with pytest.raises(NoToken, match="invalid_client"):
        await asked(client)


async def test_exactly_one_of_fields_and_claim(client: Client) -> None:
    with pytest.raises(ValueError, match="either"):
        await client.exchange(service="s", purpose="p", subject=SOMEBODY)


async def test_a_batch_gives_every_line_in_order(client: Client, made: Made) -> None:
    lines = [(name, SOMEBODY) for name in "abc"]
    claim = Claim("contribution_status", {"months": 6})
    found = [
        line async for line in client.batch(service="pension.contributions", purpose="p", claim=claim, lines=lines)
    ]
    assert [(line.line, line.outcome) for line in found] == [
        ("a", "answered"),
        ("b", "unknown_person"),
        ("c", "source_stale"),
    ]
    assert (found[0].claims, found[0].as_of, found[1].as_of) == ({"active": True}, date(2026, 9, 30), None)
    assert made.polls == 3
    assert made.seen[0]["claim"] == {"name": "contribution_status", "parameters": {"months": 6}}


async def test_results_go_on_after_the_lines_we_have(client: Client, made: Made) -> None:
    assert [line.line async for line in client.batch_results("b1", after=2)] == ["c"]


class Cutting(httpx.AsyncBaseTransport):
    """Cuts the first download after one line."""

    def __init__(self, inner: httpx.AsyncBaseTransport, times: int = 1, after: int = 1) -> None:
        self.inner, self.times, self.after = inner, times, after

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self.inner.handle_async_request(request)
        if not request.url.path.endswith("/results") or self.times == 0:
            return response
        self.times -= 1
        return httpx.Response(200, headers={"content-type": "application/x-ndjson"}, stream=_Cut(response, self.after))


class _Cut(httpx.AsyncByteStream):
    def __init__(self, response: httpx.Response, after: int) -> None:
        self.response, self.after = response, after

    async def __aiter__(self) -> AsyncIterator[bytes]:
        body = await self.response.aread()
        yield b"".join(line + b"\n" for line in body.splitlines()[: self.after])
        raise httpx.ReadError("cut")


@pytest.mark.parametrize("after", [1, 2])
async def test_a_cut_download_goes_on_where_it_stopped(client: Client, made: Made, after: int) -> None:
    client.session._http._transport = Cutting(client.session._http._transport, after=after)
    assert [line.line async for line in client.batch_results("b1")] == ["a", "b", "c"]


async def test_a_download_that_never_gets_further_is_given_up(client: Client, made: Made) -> None:
    client.session._http._transport = Cutting(client.session._http._transport, times=9, after=0)
    with pytest.raises(Unreachable):
        _ = [line async for line in client.batch_results("b1")]


async def test_results_of_a_running_batch_are_a_conflict(client: Client, made: Made) -> None:
    made.trouble.append(problem("conflict", "still running"))
    with pytest.raises(Problem) as refused:
        _ = [line async for line in client.batch_results("b1")]
    assert refused.value.code == "conflict"


async def test_a_delivery_carries_its_key(client: Client, made: Made) -> None:
    sent = await client.deliver(
        service="ess.referral", purpose="p", subject=SOMEBODY, record={"a": 1}, idempotency_key="k-1"
    )
    assert (sent.id, sent.state, sent.outcome) == ("d1", "accepted", "")
    assert made.seen[0]["idempotency_key"] == "k-1"


async def test_consents_go_in_parts_and_come_back_in_order(client: Client, made: Made) -> None:
    found = await client.record_consents({"id": str(n)} for n in range(10_001))
    assert made.seen == [10_000, 1]
    assert len(found) == 10_001
    assert {each.outcome for each in found} == {"recorded"}


async def test_a_withdrawal_names_the_person_and_the_purposes(client: Client, made: Made) -> None:
    (told,) = await client.withdraw_consent(SOMEBODY, purposes=["p"])
    assert (told.id, told.outcome, told.receipt) == ("c1", "withdrawn", "log:3:x")
    assert made.seen[0]["purposes"] == ["p"]


async def test_nobody_there_is_unreachable(place: Place, tmp_path: Path) -> None:
    path = client_file(tmp_path, "http://127.0.0.1:9", SR, new_key("ES256"))
    async with Client.from_file(path, patience=QUICK) as client:
        with pytest.raises(Unreachable):
            await client.call("GET", "/v1/systems")


@pytest.mark.parametrize("content", ["{}", "[]", '{"gateway": "x", "client_id": "y", "system": "z"}'])
def test_a_file_that_is_no_credentials_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"x\.json"):
        Client.from_file(path)


async def test_over_a_real_socket_with_real_time(tmp_path: Path) -> None:
    key = new_key("ES256")
    app = FastAPI(openapi_url=None)
    async with served(app) as base, a_gateway(tmp_path, clock=Clock(datetime.now(UTC)), origin=base) as place:
        app.mount("/", place.app)
        await place.register(SR, Pair("ES256", key.kid, key.material.private_key))
        async with Client.from_file(client_file(tmp_path, base, SR, key)) as client:
            found = (await client.call("GET", "/v1/systems")).json()["systems"]
            assert [each["id"] for each in found] == [SR.id]


def test_the_sdk_imports_nothing_of_the_gateway() -> None:
    sources = Path(__file__).parents[3].joinpath("sdk", "sandhi_client").glob("*.py")
    imported = {
        found for path in sources for found in re.findall(r"^(?:from|import) ([a-z_]+)", path.read_text(), re.MULTILINE)
    }
    assert not imported & {"gateway", "adapters", "audit", "consent", "schemas", "registry", "sandbox", "pages"}
