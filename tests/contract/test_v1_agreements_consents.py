"""`/v1/agreements`, `/v1/consents` and `/v1/objections` over a real log, on both databases."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from agreeing import (
    AUDITOR,
    EPF,
    FUND,
    SR,
    STRANGER,
    WBB,
    Here,
    document,
    line,
    lines,
    nic,
    opened,
    ref,
    signed,
    subject,
)

from audit import LogUnavailable
from consent import register as consent_register
from gateway.edges.v1 import many
from gateway.model import Identifier, Subject
from gateway.trust.caller import Caller


@pytest.fixture
async def here(database_url: str, tmp_path: Path) -> AsyncIterator[Here]:
    async with opened(database_url, tmp_path) as made:
        yield made


# --- agreements -------------------------------------------------------------------------------------


async def test_a_signed_agreement_is_put_in_force_and_read_back_by_both_parties(here: Here) -> None:
    reply = await here.call(SR, "POST", "/agreements", json=signed())
    assert (reply.status_code, reply.json()["standing"]) == (201, "in force")
    assert reply.json()["receipt"].startswith("gateway.example/log:")
    for party in (SR, FUND, AUDITOR):
        kept = (await here.call(party, "GET", "/agreements/A1")).json()
        assert kept["document"] == document()
        assert kept["sentences"][0].startswith("Agreement A1, version 1: Contribution status")
        assert [each["id"] for each in (await here.call(party, "GET", "/agreements")).json()["agreements"]] == ["A1"]
    (entry,) = await here.entries()
    assert (entry["kind"], entry["facts"]["agreement"]) == ("agreement.recorded", "A1")


async def test_others_agreements_do_not_exist_for_a_stranger(here: Here) -> None:
    await here.call(SR, "POST", "/agreements", json=signed())
    there = await here.call(STRANGER, "GET", "/agreements/A1")
    nowhere = await here.call(STRANGER, "GET", "/agreements/A2")
    version = await here.call(STRANGER, "GET", "/agreements/A1?version=9")
    assert (there.status_code, there.content) == (404, nowhere.content)
    assert version.content == nowhere.content
    assert (await here.call(STRANGER, "GET", "/agreements")).json() == {"agreements": []}
    for verb in ("suspend", "resume", "end"):
        assert (await here.call(STRANGER, "POST", f"/agreements/A1/{verb}")).status_code == 404


async def test_a_version_that_no_database_holds_is_a_bad_request_and_no_fault(here: Here) -> None:
    for version in (2**63, -(2**70), 0):
        answer = await here.call(SR, "GET", f"/agreements/A1?version={version}")
        assert (version, answer.status_code) == (version, 400)


REFUSED: list[tuple[Any, int, str]] = [
    (lambda: signed(by=[WBB]), 403, "signature_missing"),
    (lambda: signed() | {"document": document(title="Altered")}, 403, "document_altered"),
    (
        lambda: {**signed(), "signatures": {WBB: signed()["signatures"][EPF], EPF: signed()["signatures"][EPF]}},
        403,
        "wrong_signer",
    ),
    (lambda: {**signed(), "signatures": {WBB: "a.b.c", EPF: "a.b.c"}}, 403, "signature_malformed"),
    (lambda: signed() | {"document": document() | {"surprise": 1}}, 400, "document_invalid"),
    (lambda: signed(document(version=2)), 409, "agreement_conflict"),
]


async def test_what_is_not_what_both_signed_is_refused_and_logged(here: Here) -> None:
    for body, status, code in REFUSED:
        reply = await here.call(SR, "POST", "/agreements", json=body())
        assert (reply.status_code, reply.json()["detail"].partition(":")[0]) == (status, code)
    logged = [(each["kind"], each["facts"]["code"]) for each in await here.entries()]
    assert logged == [("agreement.refused", code) for _, _, code in REFUSED]
    assert (await here.call(SR, "GET", "/agreements")).json() == {"agreements": []}


async def test_only_a_party_brings_an_agreement_and_only_with_the_scope(here: Here) -> None:
    assert (await here.call(STRANGER, "POST", "/agreements", json=signed())).status_code == 403
    without = Caller("sr", SR.system, frozenset())
    assert (await here.call(without, "POST", "/agreements", json=signed())).status_code == 403
    assert (await here.call(without, "POST", "/consents", json=line())).status_code == 403
    assert (await here.call(AUDITOR, "GET", "/agreements")).status_code == 200


NOT_STRICT = (
    b"{",
    b'{"document": {}, "document": {}, "signatures": {}}',
    b'{"document": NaN, "signatures": {}}',
    b"[]",
    b"1",
)


async def test_a_body_that_is_not_strict_json_of_the_shape_is_a_bad_request(here: Here) -> None:
    headers = {"content-type": "application/json"}
    for path, body in ((path, body) for path in ("/agreements", "/consents") for body in NOT_STRICT):
        reply = await here.call(SR, "POST", path, content=body, headers=headers)
        assert (reply.status_code, reply.headers["content-type"]) == (400, "application/problem+json")


async def test_each_party_stops_it_at_once_and_the_entry_says_who(here: Here) -> None:
    await here.call(SR, "POST", "/agreements", json=signed())
    await here.call(SR, "POST", "/consents", json=line())
    assert await here.allows(ref(here, 1))
    assert (await here.call(FUND, "POST", "/agreements/A1/suspend")).json()["state"] == "suspended"
    assert not await here.allows(ref(here, 1))
    assert (await here.call(SR, "POST", "/agreements/A1/resume")).status_code == 409
    assert (await here.call(FUND, "POST", "/agreements/A1/resume")).status_code == 200
    assert await here.allows(ref(here, 1))
    assert (await here.call(SR, "POST", "/agreements/A1/end")).json()["standing"] == "ended"
    assert (await here.call(FUND, "POST", "/agreements/A1/resume")).status_code == 409
    said = [(each["kind"], each["facts"]["by"]) for each in await here.entries()]
    assert said[2:] == [("agreement.suspended", EPF), ("agreement.resumed", EPF), ("agreement.ended", WBB)]


# --- consents ---------------------------------------------------------------------------------------


async def test_a_consent_is_recorded_with_its_entry_and_nothing_of_the_person(here: Here) -> None:
    reply = await here.call(SR, "POST", "/consents", json=line())
    assert (reply.status_code, reply.json()["outcome"]) == (201, "recorded")
    again = await here.call(SR, "POST", "/consents", json=line())
    assert (again.status_code, again.json()) == (200, {"id": "C1", "outcome": "unchanged"})
    assert (await here.call(SR, "POST", "/consents", json=line(subject=subject(2)))).status_code == 409
    (entry,) = await here.entries()
    assert entry["facts"] == {"by": WBB, "count": 1, "consents": ["C1"]}
    assert nic(1) not in json.dumps(entry)
    (kept,) = (await here.call(SR, "GET", "/consents")).json()["consents"]
    assert (kept["id"], kept["standing"], kept["services"]) == ("C1", "in force", ["pension.contributions"])
    assert "subject" not in json.dumps(kept)


async def test_every_number_sent_with_a_consent_is_kept_as_a_hash_and_none_in_clear(here: Here) -> None:
    tin = {"type": "TIN", "value": "AB123456C"}
    both = {"identifiers": [*subject(1)["identifiers"], tin]}
    reply = await here.call(SR, "POST", "/consents", **lines(line(1, subject=both), line(2)))
    assert [json.loads(each)["outcome"] for each in reply.text.splitlines()] == ["recorded"] * 2
    async with here.db.read() as connection:
        first, second = await consent_register.list_consents(connection, WBB)
        rows = (await connection.exec_driver_sql("SELECT * FROM consent_consent")).all()
    sent = Subject((Identifier("NIC", nic(1)), Identifier("TIN", "AB123456C")))
    assert first.numbers == here.person_ref.numbers(sent)
    assert (len(first.numbers), len(second.numbers)) == (2, 1)
    assert not any(number in str(rows) for number in (nic(1), nic(2), "AB123456C"))


async def test_the_old_and_the_new_number_of_a_person_are_one_person(here: Here) -> None:
    await here.call(SR, "POST", "/agreements", json=signed())
    old = {"identifiers": [{"type": "NIC", "value": "900010001V"}]}
    await here.call(SR, "POST", "/consents", json=line(subject=old))
    new = {"identifiers": [{"type": "NIC", "value": "199000100001"}]}
    reply = await here.call(SR, "POST", "/consents/withdraw", json={"subject": new})
    assert [each["id"] for each in reply.json()["withdrawn"]] == ["C1"]


UNUSABLE: tuple[dict[str, Any], ...] = (
    {"controller": EPF},
    {"subject": None},
    {"subject": {"identifiers": []}},
    {"subject": {"identifiers": [{"type": "NIC", "value": "12"}]}},
    {"subject": {"identifiers": [{"type": "SHOE", "value": "42"}]}},
    {"subject": {"identifiers": [{"type": "Kamala", "value": "42"}]}},
    {"subject": {"identifiers": [{"type": "NIC", "value": nic(1)}, {"type": "NIC", "value": nic(2)}]}},
    {"id": "a b"},
    {"id": 7},
    {"evidence": None},
    {"extra": "Kamala"},
)


async def test_a_consent_that_cannot_be_used_is_refused_without_repeating_it(here: Here) -> None:
    for changes in UNUSABLE:
        reply = await here.call(SR, "POST", "/consents", json=line(**changes))
        assert 400 <= reply.status_code < 500
        assert "Kamala" not in reply.text
    bulk = await here.call(SR, "POST", "/consents", **lines(*(line(**changes) for changes in UNUSABLE)))
    assert [json.loads(each)["outcome"] for each in bulk.text.splitlines()] == ["refused"] * len(UNUSABLE)
    assert "Kamala" not in bulk.text
    assert await here.entries() == []


async def test_bulk_answers_every_line_in_order_and_logs_one_entry_for_500(here: Here) -> None:
    good = [line(number) for number in range(600)]
    reply = await here.call(SR, "POST", "/consents", **lines(*good[:300], line(9000, given_how="assumed"), *good[300:]))
    told = [json.loads(each) for each in reply.text.splitlines()]
    assert [each["line"] for each in told] == list(range(1, 602))
    assert [each["outcome"] for each in told] == ["recorded"] * 300 + ["refused"] + ["recorded"] * 300
    assert told[300]["detail"].startswith("/given_how: ")
    assert [each["facts"]["count"] for each in await here.entries()] == [499, 101]
    again = await here.call(SR, "POST", "/consents", **lines(*good, line(1, subject=subject(7))))
    outcomes = [json.loads(each)["outcome"] for each in again.text.splitlines()]
    assert outcomes == ["unchanged"] * 600 + ["conflict"]


async def test_a_broken_line_names_its_number_and_nothing_of_the_body_is_recorded(here: Here) -> None:
    content = json.dumps(line()).encode() + b"\n{oops\n"
    headers = {"content-type": "application/x-ndjson"}
    reply = await here.call(SR, "POST", "/consents", content=content, headers=headers)
    assert (reply.status_code, reply.json()["code"]) == (400, "bad_request.line")
    assert (await here.call(SR, "GET", "/consents")).json()["consents"] == []


async def test_too_many_lines_are_refused_before_any_is_recorded(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(many, "MOST_LINES", 2)
    reply = await here.call(SR, "POST", "/consents", **lines(*(line(number) for number in range(3))))
    assert (reply.status_code, reply.json()["code"]) == (413, "bad_request.too_large")
    assert await here.entries() == []


async def test_withdrawal_counts_from_the_next_decision_and_only_by_who_keeps_the_consent(here: Here) -> None:
    await here.call(SR, "POST", "/agreements", json=signed())
    await here.call(SR, "POST", "/consents", json=line())
    others = await here.call(FUND, "POST", "/consents/C1/withdraw")
    nobodys = await here.call(FUND, "POST", "/consents/C9/withdraw")
    assert (others.status_code, others.content) == (404, nobodys.content)
    assert await here.allows(ref(here, 1))
    reply = await here.call(SR, "POST", "/consents/C1/withdraw")
    assert reply.json()["outcome"] == "withdrawn"
    assert not await here.allows(ref(here, 1))
    assert (await here.call(SR, "POST", "/consents/C1/withdraw")).json() == {"id": "C1", "outcome": "unchanged"}
    kinds = [each["kind"] for each in await here.entries()]
    assert kinds == ["agreement.recorded", "consent.recorded", "consent.withdrawn"]


async def test_consents_are_paged_and_each_member_sees_its_own(here: Here) -> None:
    await here.call(SR, "POST", "/consents", **lines(*(line(number) for number in range(3))))
    await here.call(FUND, "POST", "/consents", json=line(8))
    first = (await here.call(SR, "GET", "/consents?limit=2")).json()
    rest = (await here.call(SR, "GET", f"/consents?limit=2&after={first['next']}")).json()
    assert [each["id"] for each in first["consents"] + rest["consents"]] == ["C0", "C1", "C2"]
    assert rest["next"] is None


async def test_an_objection_subtracts_until_it_is_lifted(here: Here) -> None:
    await here.call(SR, "POST", "/agreements", json=signed())
    await here.call(SR, "POST", "/consents", json=line())
    body = {"subject": subject(1), "services": ["pension.contributions"]}
    recorded = (await here.call(SR, "POST", "/objections", json=body)).json()
    assert not await here.allows(ref(here, 1))
    assert (await here.call(FUND, "POST", f"/objections/{recorded['id']}/lift")).status_code == 404
    (kept,) = (await here.call(SR, "GET", "/objections")).json()["objections"]
    assert (kept["id"], kept["services"], kept["lifted_at"]) == (recorded["id"], ["pension.contributions"], None)
    lift = f"/objections/{recorded['id']}/lift"
    assert [(await here.call(SR, "POST", lift)).json()["outcome"] for _ in range(2)] == ["lifted", "unchanged"]
    assert await here.allows(ref(here, 1))


async def test_without_evidence_nothing_changes(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    await here.call(SR, "POST", "/agreements", json=signed())
    await here.call(SR, "POST", "/consents", json=line())

    class FullLog:
        async def append_in(self, connection: object, entry: object) -> object:
            raise LogUnavailable("full")

        append_all_in = append_in

    here.app.state.log = FullLog()
    for path, body in (
        ("/consents", line(2)),
        ("/consents/C1/withdraw", None),
        ("/agreements/A1/end", None),
        ("/objections", {"subject": subject(1)}),
    ):
        reply = await here.call(SR, "POST", path, json=body)
        assert (reply.status_code, reply.json()["code"]) == (503, "no_evidence"), path
    assert await here.allows(ref(here, 1))
    assert len((await here.call(SR, "GET", "/consents")).json()["consents"]) == 1
