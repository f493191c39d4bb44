"""A consumer may say which of its people asks: reviewers find it by that name, and the log has only its keyed hash."""

import json
from contextlib import suppress
from typing import Any

import pytest
from flows.gateways import Running
from sandhi_client import Client, Problem

NIC = "199012304503"
SUBJECT = {"identifiers": [{"type": "NIC", "value": NIC}]}
ASKED: dict[str, Any] = {
    "service": "tax.employment",
    "purpose": "employment-support.eligibility",
    "claim": {"name": "employment_status", "parameters": {"months": 6}},
    "as_at": "2026-10-31",
}
RECORD = {"channel": "sms", "to": "+94771234567", "language": "eng", "text": "Please call us."}
BODIES: dict[str, dict[str, Any]] = {
    "/v1/exchanges": ASKED | {"subject": SUBJECT},
    "/v1/batches": ASKED | {"lines": [{"line": "one", "subject": SUBJECT}]},
    "/v1/deliveries": {
        "service": "messaging.alert",
        "purpose": "employment-support.outreach",
        "subject": SUBJECT,
        "record": RECORD,
    },
}


async def named(client: Client, path: str, officer: str) -> None:
    """Ask as this officer; no agency is connected, so how it ends does not matter."""
    body = BODIES[path] | {"officer": officer}
    if path == "/v1/deliveries":
        body["idempotency_key"] = officer
    with suppress(Problem):
        await client.session.call("POST", path, json=body)


async def found(auditor: Client, officer: str) -> list[dict[str, Any]]:
    why = {"Audit-Reason": "complaint 2026-17"}
    answer = await auditor.session.call("GET", f"/v1/audit/exchanges?officer={officer}", headers=why)
    listed: list[dict[str, Any]] = answer.json()["exchanges"]
    return listed


@pytest.mark.parametrize("path", BODIES)
async def test_exchanges_are_found_by_the_officer_whom_the_consumer_named(running: Running, path: str) -> None:
    mine, other = f"STAFF-{path[4:]}", f"OTHER-{path[4:]}"
    async with running.client("sr") as client, running.client("auditor") as auditor:
        await named(client, path, mine)
        await named(client, path, other)
        (line,) = await found(auditor, mine)
        (again,) = await found(auditor, line["officer_ref"])
        assert again["exchange_id"] == line["exchange_id"]
        (shown,) = await found(auditor, other)
        assert shown["officer_ref"] != line["officer_ref"]
        assert await found(auditor, "nobody") == []
    assert mine not in json.dumps(line)


async def test_an_officer_is_not_named_by_a_person_s_number(running: Running) -> None:
    async with running.client("sr") as client:
        with pytest.raises(Problem) as raised:
            await client.session.call("POST", "/v1/exchanges", json=BODIES["/v1/exchanges"] | {"officer": NIC})
    assert (raised.value.status, raised.value.code) == (400, "bad_request.officer")
    assert NIC not in json.dumps(raised.value.document)
