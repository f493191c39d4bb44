"""A consent opens the record of the person who gave it: never another's, by putting two people's numbers together."""

import json
from typing import Any

import pytest
from flows.gateways import Running
from sandhi_client import Claim, Client, Identifier, Problem, Subject

PURPOSE = "employment-support.eligibility"
CONSENTING = {"NIC": "199012304501", "LEARNER": "10000000001", "TIN": "AB100001A"}
OTHER = {"NIC": "199012304502", "LEARNER": "10000000002", "TIN": "AB100002A"}
QUESTIONS: dict[str, dict[str, Any]] = {
    "LEARNER": {"service": "education.attainment", "claim": Claim("readiness")},
    "TIN": {"service": "tax.employment", "claim": Claim("employment_status", {"months": 6})},
}
CONSENT = {
    "id": "numbers-bound-1",
    "recipients": ["LK/GOV/WBB"],
    "purposes": [PURPOSE],
    "services": ["education.attainment", "tax.employment"],
    "valid_from": "2020-01-01T00:00:00Z",
    "valid_until": "2100-01-01T00:00:00Z",
    "given_how": "self",
    "evidence": "sha-256:" + "0" * 64,
}


def subject(**numbers: str) -> Subject:
    return Subject(tuple(Identifier(kind, value) for kind, value in numbers.items()))


async def consented(client: Client) -> None:
    """One of the two people consents, and the registry records all numbers that it holds."""
    await client.record_consents([CONSENT | {"subject": subject(**CONSENTING).wire()}])


async def asked(client: Client, kind: str, **numbers: str) -> Problem:
    """How a question by these numbers ends; no agency is connected, so `no_link` is as far as any comes."""
    with pytest.raises(Problem) as raised:
        await client.exchange(**QUESTIONS[kind], purpose=PURPOSE, subject=subject(**numbers))
    return raised.value


@pytest.mark.parametrize("kind", QUESTIONS)
async def test_another_persons_number_beside_the_consenting_ones_key_is_refused(running: Running, kind: str) -> None:
    async with running.client("sr") as client:
        await consented(client)
        own = await asked(client, kind, NIC=CONSENTING["NIC"], **{kind: CONSENTING[kind]})
        mixed = await asked(client, kind, NIC=CONSENTING["NIC"], **{kind: OTHER[kind]})
        alone = await asked(client, kind, **{kind: OTHER[kind]})
        shown = (await client.call("GET", f"/v1/exchanges/{mixed.exchange_id}")).json()
    assert own.code == "no_link"
    assert (mixed.status, mixed.code) == (403, "refused_by_rules")
    assert alone.code == "refused_by_rules"
    assert OTHER[kind] not in json.dumps([mixed.document, shown])


@pytest.mark.parametrize("kind", QUESTIONS)
async def test_in_a_batch_the_line_with_another_persons_number_is_refused(running: Running, kind: str) -> None:
    lines = [
        ("own", subject(NIC=CONSENTING["NIC"], **{kind: CONSENTING[kind]})),
        ("mixed", subject(NIC=CONSENTING["NIC"], **{kind: OTHER[kind]})),
    ]
    async with running.client("sr") as client:
        await consented(client)
        outcomes = {
            each.line: each.outcome async for each in client.batch(**QUESTIONS[kind], purpose=PURPOSE, lines=lines)
        }
    assert outcomes == {"own": "no_link", "mixed": "refused_by_rules"}
