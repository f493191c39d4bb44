"""The SDK against a small real gateway: real tokens, proofs and signatures; only the answers are made up."""

import json
import re
import time
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI, Response
from sandhi_client import (
    AnswerNotSigned,
    Client,
    NoToken,
    Period,
    Problem,
    TooMany,
    Unreachable,
)

from gateway.edges.signing import signed_json
from gateway.edges.v1.problems import problem
from gateway.trust import register
from gateway.trust.keys import add_to_ring, new_key
from tests.small_gateway import Place, a_gateway, client_file, served
from tests.trusting import NOW, SR, Clock, Pair
from tests.unit.sdk.made_up import QUICK, SOMEBODY, Made, a_client, asked, passing


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
    made.trouble += [passing("source_down"), passing("no_evidence")]
    assert (await asked(client)).outcome == "answered"
    assert len(made.seen) == 3


async def test_the_gateways_own_word_for_later_is_kept(client: Client, made: Made) -> None:
    made.trouble.append(passing("too_many_requests", "1"))
    before = time.monotonic()
    assert (await asked(client)).outcome == "answered"
    assert time.monotonic() - before >= 1


@pytest.mark.parametrize("told", ["31", "Sat, 01 Jan 2050 00:00:00 GMT"])
async def test_a_long_wait_is_left_to_the_caller_who_learns_how_long(client: Client, made: Made, told: str) -> None:
    made.trouble.append(passing("too_many_requests", told))
    with pytest.raises(TooMany) as refused:
        await asked(client)
    assert refused.value.retryable
    assert (refused.value.retry_after or 0) > 30
    assert len(made.seen) == 1


async def test_patience_ends(client: Client, made: Made) -> None:
    made.trouble += [passing("source_down") for _ in range(3)]
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


async def test_everything_a_question_can_say_is_sent(client: Client, made: Made) -> None:
    await client.exchange(
        service="s",
        purpose="p",
        subject=SOMEBODY,
        fields=["a"],
        period=Period(date(2026, 1, 1), date(2026, 6, 30)),
        officer="clerk-7",
        emergency="the child is in hospital",
    )
    said = {name: made.seen[0][name] for name in ("period", "officer", "emergency")}
    assert said == {
        "period": {"from": "2026-01-01", "to": "2026-06-30"},
        "officer": "clerk-7",
        "emergency": {"reason": "the child is in hospital"},
    }


async def test_exactly_one_of_fields_and_claim(client: Client) -> None:
    with pytest.raises(ValueError, match="either"):
        await client.exchange(service="s", purpose="p", subject=SOMEBODY)


async def test_lists_are_fetched_page_after_page(client: Client, made: Made) -> None:
    assert [each["id"] async for each in client.consents()] == ["a/1", "b", "c"]
    assert made.seen == [None, "a/1", "b"]


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
