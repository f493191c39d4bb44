"""Whatever is sent: a clear problem document or DCI error, never a 500, never a value of a person back."""

import json
from typing import Any
from uuid import uuid4

import httpx
import pytest
from flows.gateways import Running
from sandhi_client import Client, Problem

NIC = "199012304567"
SUBJECT = {"identifiers": [{"type": "NIC", "value": NIC}]}
GOOD: dict[str, Any] = {
    "service": "tax.employment",
    "purpose": "employment-support.eligibility",
    "subject": SUBJECT,
    "claim": {"name": "employment_status", "parameters": {"months": 6}},
    "as_at": "2026-10-31",
}


async def sent(client: Client, path: str, content: bytes, kind: str = "application/json") -> Problem:
    """The problem that a body meets."""
    with pytest.raises(Problem) as raised:
        await client.session.call("POST", path, content=content, headers={"content-type": kind})
    problem = raised.value
    assert problem.status < 500
    assert NIC not in json.dumps(problem.document)
    return problem


def changed(**members: object) -> bytes:
    return json.dumps({**GOOD, **members}).encode()


def identified(kind: str, value: str) -> bytes:
    return changed(subject={"identifiers": [{"type": kind, "value": value}]})


BODIES: dict[str, tuple[bytes, str, int]] = {
    "not JSON": (b'{"service": ' + NIC.encode(), "bad_request.json", 400),
    "empty": (b"", "bad_request.json", 400),
    "NaN": (b'{"service": NaN, "x": "' + NIC.encode() + b'"}', "bad_request.json", 400),
    "duplicate key": (b'{"service": "a", "service": "' + NIC.encode() + b'"}', "bad_request.json", 400),
    "lone surrogate": (b'{"service": "\\ud800", "x": "' + NIC.encode() + b'"}', "bad_request.json", 400),
    "thousand levels": (b"[" * 1000 + NIC.encode() + b"]" * 1000, "bad_request.json", 400),
    "huge number": (b'{"service": ' + b"9" * 400 + b"}", "bad_request.json", 400),
    "UTF-16": (json.dumps(GOOD).encode("utf-16"), "bad_request.json", 400),
    "too large": (b'{"x": "' + b"1" * 1_100_000 + b'"}', "bad_request.too_large", 413),
    "a list": (json.dumps([NIC]).encode(), "bad_request.shape", 400),
    "unknown member": (changed(**{NIC: NIC}), "bad_request.shape", 400),
    "number for a text": (changed(service=int(NIC)), "bad_request.shape", 400),
    "number for a day": (changed(as_at="0"), "bad_request.shape", 400),
    "fields and claim": (changed(fields=["closed_month"]), "bad_request.shape", 400),
    "unknown service": (changed(service=f"x.{NIC}"), "bad_request.service", 400),
    "unknown purpose": (changed(purpose=NIC), "bad_request.purpose", 400),
    "unknown claim": (changed(claim={"name": "nothing"}), "bad_request.claim", 400),
    "claim parameter": (changed(claim={"name": "employment_status", "parameters": {}}), "bad_request.claim", 400),
    "unknown field": (json.dumps({**GOOD, "claim": None, "fields": ["x"]}).encode(), "bad_request.fields", 400),
    "unknown identifier type": (identified("X", NIC), "bad_request.identifier", 400),
    "number for a field": (json.dumps({**GOOD, "claim": None, "fields": [NIC]}).encode(), "bad_request.fields", 400),
    "number for a claim": (changed(claim={"name": NIC}), "bad_request.claim", 400),
    "number for an identifier type": (identified(NIC, "NIC"), "bad_request.identifier", 400),
    "two identifiers of one type": (
        changed(subject={"identifiers": [{"type": "NIC", "value": each} for each in (NIC, "199012304568")]}),
        "bad_request.identifier",
        400,
    ),
    "malformed identifier": (identified("NIC", f"{NIC}9"), "bad_request.identifier", 400),
    "a person's number for a case": (changed(case=NIC), "bad_request.case", 400),
    "no identifier": (changed(subject={"identifiers": []}), "bad_request.shape", 400),
    "a service that takes deliveries": (changed(service="messaging.alert"), "bad_request.service", 400),
    "a service that answers in batches": (
        changed(service="pension.contributions", claim={"name": "contribution_status", "parameters": {"months": 6}}),
        "bad_request.batch_only",
        400,
    ),
}


@pytest.mark.parametrize("name", BODIES)
async def test_a_bad_body_meets_a_clear_problem(running: Running, name: str) -> None:
    body, code, status = BODIES[name]
    async with running.client("sr") as client:
        problem = await sent(client, "/v1/exchanges", body)
    assert (problem.code, problem.status) == (code, status)


async def test_another_media_type_is_refused(running: Running) -> None:
    async with running.client("sr") as client:
        problem = await sent(client, "/v1/exchanges", changed(), "text/plain")
    assert (problem.code, problem.status) == ("bad_request.content_type", 415)


async def test_unknown_paths_and_methods_are_told_as_such(running: Running) -> None:
    async with running.client("sr") as client:
        for method, path, status in (("GET", "/v1/nothing", 404), ("DELETE", "/v1/exchanges", 405)):
            with pytest.raises(Problem) as raised:
                await client.call(method, path)
            assert raised.value.status == status
        for path in ("exchanges", "batches", "deliveries"):
            with pytest.raises(Problem) as raised:
                await client.call("GET", f"/v1/{path}/{uuid4()}")
            assert (raised.value.status, raised.value.code) == (404, "not_found")


@pytest.mark.parametrize("body", [b"", b"{" * 5000, b'{"a": NaN}'])
@pytest.mark.parametrize(
    "path",
    ["/v1/exchanges", "/v1/x", "/dci/registry/sync/search", "/r1/LK/GOV/X/Y/z", "/xroad/soap", "/im/x", "/consent/x"],
)
def test_without_credentials_every_protected_path_refuses_whatever_the_body(
    running: Running, path: str, body: bytes
) -> None:
    for headers in ({}, {"authorization": "Bearer x"}, {"authorization": "DPoP x", "dpop": "y"}):
        answer = httpx.post(f"{running.url}{path}", content=body, headers=headers, trust_env=False)
        assert answer.status_code in {401, 403}


async def test_a_stranger_learns_nothing_and_the_log_knows_why(running: Running) -> None:
    async with running.client("stranger") as client:
        with pytest.raises(Problem) as raised:
            await client.session.call("POST", "/v1/exchanges", json=GOOD)
        assert (raised.value.status, raised.value.code) == (404, "not_available")
        shown = (await client.call("GET", f"/v1/exchanges/{raised.value.exchange_id}")).json()
    assert sorted(each["kind"] for each in shown["entries"]) == ["exchange.intent", "exchange.outcome"]
    outcome = next(each for each in shown["entries"] if each["kind"] == "exchange.outcome")
    assert outcome["outcome"] == "not_available"
    assert not {"reasons", "subject", "numbers", "withheld", "agreement"} & outcome.keys()
    assert NIC not in json.dumps(shown)


async def test_another_system_does_not_see_the_exchange(running: Running) -> None:
    async with running.client("stranger") as client:
        with pytest.raises(Problem) as raised:
            await client.session.call("POST", "/v1/exchanges", json=GOOD)
    async with running.client("sr") as other:
        with pytest.raises(Problem) as hidden:
            await other.call("GET", f"/v1/exchanges/{raised.value.exchange_id}")
    assert hidden.value.status == 404


async def test_no_consent_is_refused_by_rules_before_the_missing_link_is_noticed(running: Running) -> None:
    async with running.client("sr") as client:
        with pytest.raises(Problem) as raised:
            await client.session.call("POST", "/v1/exchanges", json=GOOD)
    assert (raised.value.status, raised.value.code) == (403, "refused_by_rules")


async def test_who_may_know_sees_the_outcome_but_not_why(running: Running) -> None:
    async with running.client("sr") as client:
        with pytest.raises(Problem) as raised:
            await client.session.call("POST", "/v1/exchanges", json=GOOD)
        shown = (await client.call("GET", f"/v1/exchanges/{raised.value.exchange_id}")).json()
    outcome = next(each for each in shown["entries"] if each["kind"] == "exchange.outcome")
    assert outcome["outcome"] == raised.value.code == "refused_by_rules"
    assert not {"reasons", "subject", "numbers"} & {name for each in shown["entries"] for name in each}


@pytest.mark.parametrize(
    ("system", "path", "scope"),
    [
        ("auditor", "/v1/exchanges", "exchange"),
        ("office-LK-11", "/v1/exchanges", "exchange"),
        ("auditor", "/v1/batches", "exchange"),
        ("auditor", "/v1/deliveries", "delivery"),
    ],
)
async def test_a_path_needs_its_scope(running: Running, system: str, path: str, scope: str) -> None:
    bodies = {"/v1/batches": {"lines": []}, "/v1/deliveries": DELIVERY}
    async with running.client(system) as client:
        for method, where in (("POST", path), ("GET", f"{path}/{uuid4()}")):
            body = bodies.get(path, GOOD) if method == "POST" else None
            with pytest.raises(Problem) as raised:
                await client.session.call(method, where, json=body)
            assert (raised.value.status, raised.value.code) == (403, "forbidden")
            assert scope in str(raised.value.document["detail"])


DELIVERY: dict[str, Any] = {
    "service": "messaging.alert",
    "purpose": "employment-support.outreach",
    "subject": SUBJECT,
    "record": {"channel": "sms", "to": "+94771234567", "language": "eng", "text": "Please call us.", "extra": NIC},
    "idempotency_key": "bad-record",
}


async def test_a_record_that_does_not_fit_is_refused_before_anything_is_recorded(running: Running) -> None:
    async with running.client("sr") as client:
        problem = await sent(client, "/v1/deliveries", json.dumps(DELIVERY).encode())
    assert (problem.status, problem.code) == (400, "bad_request.record")
    assert "canonical/alert.v1.json at /" in str(problem.document["detail"])
