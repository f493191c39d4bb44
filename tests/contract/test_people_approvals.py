"""Officers, their roles, and what takes two people: each rule at the API that officers use."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.kit.egress import HttpAnswer
from consent import SignedAgreement, agreement_of, canonical, store
from consent.tables import metadata
from gateway.people import grants, officers
from gateway.people.officers import SHELL
from gateway.trust import Member, Offered, System, register
from gateway.trust.callbacks import CallbackProofs
from gateway.trust.policy import Policy
from tests.people_place import DME, WBB, Browser, Place, a_place, wanted_with_reach

SR = System(
    f"{WBB}/SRIS", "sr", "registry", frozenset({"exchange"}), (Offered("enrolment", "http://127.0.0.1:9/a", "x"),)
)
LOWER: dict[str, Any] = {
    "kind": "system.policy",
    "subject": SR.id,
    "document": Policy(bearer=True).document(),
    "reason": "its vendor cannot bind tokens before the spring",
}


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with a_place(tmp_path) as found:
        await registered(found)
        yield found


@pytest.fixture
async def either(tmp_path: Path, database_url: str) -> AsyncIterator[Place]:
    """On both databases: where a query is more than one row by its key."""
    async with a_place(tmp_path, database_url) as found:
        await registered(found)
        yield found


async def registered(place: Place) -> None:
    async with place.db.write() as connection:
        await register.add_member(connection, place.log, Member(WBB, "Board"), place.clock())
        await register.add_system(connection, place.log, SR, place.clock())


async def proposed(browser: Browser, **changed: Any) -> str:
    answer = await browser.call("POST", "/v1/approvals", LOWER | changed)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def test_one_proposes_and_another_approves_and_the_log_has_both(either: Place) -> None:
    operator = await either.signed_in("amara", "operator")
    watcher = await either.signed_in("kamal", "compliance_officer")
    id_ = await proposed(operator)
    done = await watcher.call("POST", f"/v1/approvals/{id_}/approve", {"remark": "seen"})
    assert (done.status_code, done.json()["state"]) == (200, "approved")
    mine = [entry for entry in either.log.entries if entry.kind.startswith("approval.")]
    assert [entry.kind for entry in mine] == ["approval.proposed", "approval.approved"]
    assert mine[0].facts["by"] != mine[1].facts["by"]
    assert mine[0].facts["document"] == mine[1].facts["document"]


async def test_the_proposer_does_not_decide(place: Place) -> None:
    operator = await place.signed_in("amara", "operator")
    id_ = await proposed(operator)
    answer = await operator.call("POST", f"/v1/approvals/{id_}/approve")
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert "another person" in answer.json()["detail"]


async def test_a_decision_needs_a_fresh_sign_in_and_step_up_gives_one(place: Place) -> None:
    operator = await place.signed_in("amara", "operator")
    await place.officer("kamal", "compliance_officer", account=True)
    watcher = await place.signed_in("kamal")
    id_ = await proposed(operator)
    await place.age(minutes=6)
    stale = await watcher.call("POST", f"/v1/approvals/{id_}/approve")
    assert (stale.status_code, stale.json()["code"]) == (403, "sign_in_again")
    before = watcher.http.cookies["sandhi-console"]
    await watcher.sign_in("kamal", start="/console/confirm?next=/console")
    assert watcher.http.cookies["sandhi-console"] != before
    assert (await watcher.call("POST", f"/v1/approvals/{id_}/approve")).status_code == 200


async def test_step_up_is_by_the_same_officer(place: Place) -> None:
    await place.officer("kamal", account=True)
    browser = await place.signed_in("amara")
    refused = await browser.sign_in("kamal", start="/console/confirm")
    assert refused.status_code == 403
    assert "Somebody else" in refused.text
    assert "Amara" in (await browser.get("/console")).text


async def test_a_proposal_is_decided_once_and_expires(either: Place) -> None:
    operator = await either.signed_in("amara", "operator")
    id_ = await proposed(operator)
    watcher = await either.signed_in("kamal", "compliance_officer")
    assert (await watcher.call("POST", f"/v1/approvals/{id_}/reject", {"remark": "no need"})).status_code == 200
    for verb, body in (("approve", {}), ("reject", {"remark": "again"})):
        assert (await watcher.call("POST", f"/v1/approvals/{id_}/{verb}", body)).status_code == 409
    late = await proposed(operator)
    either.clock.pass_by(timedelta(days=14).total_seconds())
    watcher = await either.signed_in("kamal")
    answer = await watcher.call("POST", f"/v1/approvals/{late}/approve")
    assert answer.status_code == 409
    assert "expired" in answer.json()["detail"]


async def test_of_two_who_decide_at_once_one_does(either: Place) -> None:
    operator = await either.signed_in("amara", "operator")
    watchers = [await either.signed_in(login, "compliance_officer") for login in ("kamal", "nimal")]
    id_ = await proposed(operator)
    verbs = [("approve", {}), ("reject", {"remark": "no"})]
    calls = [
        watcher.call("POST", f"/v1/approvals/{id_}/{verb}", body)
        for watcher, (verb, body) in zip(watchers, verbs, strict=True)
    ]
    assert sorted(each.status_code for each in await asyncio.gather(*calls)) == [200, 409]


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"document": {"number": 2**53}}, 409),
        ({"document": {"text": "x" * 17_000}}, 409),
        ({"kind": "anything"}, 409),
        ({"reason": ""}, 400),
        ({"reason": "a\x00b"}, 400),
        ({"more": 1}, 400),
    ],
)
async def test_a_proposal_that_cannot_be_kept_is_refused(place: Place, changed: dict[str, Any], status: int) -> None:
    operator = await place.signed_in("amara", "operator")
    assert (await operator.call("POST", "/v1/approvals", LOWER | changed)).status_code == status


async def test_only_the_proposer_withdraws_and_the_same_is_not_proposed_twice(place: Place) -> None:
    operator = await place.signed_in("amara", "operator")
    other = await place.signed_in("nimal", "operator")
    id_ = await proposed(operator)
    assert (await other.call("POST", "/v1/approvals", LOWER)).status_code == 409
    assert (await other.call("POST", f"/v1/approvals/{id_}/withdraw")).status_code == 409
    assert (await operator.call("POST", f"/v1/approvals/{id_}/withdraw")).json()["state"] == "withdrawn"
    await proposed(other)


async def test_an_agreement_is_widened_by_somebody_of_the_other_member_only(place: Place) -> None:
    mine = await place.signed_in("amara", "agency_administrator")
    colleague = await place.signed_in("nimal", "agency_administrator")
    partner = await place.signed_in("kamal", "agency_administrator", member=DME)
    third = await place.signed_in("sunil", "agency_administrator", member="LK/GOV/IRD")
    await held_amendment(place)
    wider = {"kind": "agreement.widening", "subject": "A1", "member": WBB}
    id_ = await proposed(mine, **wider, document={"version": 2, "members": [WBB, DME]})
    assert (await colleague.call("POST", f"/v1/approvals/{id_}/approve")).status_code == 409
    assert (await third.call("POST", f"/v1/approvals/{id_}/approve")).status_code == 404
    assert await version_in_force(place) == 1
    done = await partner.call("POST", f"/v1/approvals/{id_}/approve")
    assert (done.status_code, done.json()["state"]) == (200, "approved")
    assert await version_in_force(place) == 2
    (entry,) = [each for each in place.log.entries if each.kind == "agreement.widened"]
    assert (entry.facts["agreement_version"], entry.facts["approval"]) == (2, id_)


async def test_an_agreement_is_not_widened_by_two_who_act_for_the_same_member(place: Place) -> None:
    mine = await place.signed_in("amara", "agency_administrator")
    lent = await place.officer("sunil", member="LK/GOV/IRD")  # of another member, with a role in the proposer's
    async with place.db.write() as connection:
        wanted = wanted_with_reach(lent.id, "agency_administrator", WBB, "")
        await grants.give(connection, place.log, wanted, place.people.profile.raw, by=SHELL, now=place.clock())
    await held_amendment(place)
    wider = {"kind": "agreement.widening", "subject": "A1", "member": WBB}
    id_ = await proposed(mine, **wider, document={"version": 2, "members": [WBB, DME]})
    answer = await (await place.signed_in("sunil")).call("POST", f"/v1/approvals/{id_}/approve")
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict"), answer.text
    assert await version_in_force(place) == 1


async def test_what_no_two_members_signed_is_not_widened(place: Place) -> None:
    mine = await place.signed_in("amara", "agency_administrator")
    partner = await place.signed_in("kamal", "agency_administrator", member=DME)
    await held_amendment(place)
    for document in (
        {"version": 3, "members": [WBB, DME]},
        {"version": 1, "members": [WBB, DME]},
        {"members": [WBB, DME]},
    ):
        wider = {"kind": "agreement.widening", "subject": "A1", "member": WBB, "document": document}
        id_ = await proposed(mine, **wider)
        assert (await partner.call("POST", f"/v1/approvals/{id_}/approve")).status_code == 409
    assert await version_in_force(place) == 1


async def held_amendment(place: Place) -> None:
    """Version 1 in force, version 2 signed by both and waiting."""
    async with place.db.write() as connection:
        await connection.run_sync(metadata.create_all)
        for version, fields in ((1, ["months"]), (2, ["months", "name"])):
            document = amendable(version, fields)
            signed = SignedAgreement(agreement_of(document), canonical(document), {})
            await store.record_agreement(connection, signed, by=WBB, now=place.clock(), held=version == 2)


def amendable(version: int, fields: list[str]) -> dict[str, Any]:
    return {
        "format": "agreement/1",
        "id": "A1",
        "version": version,
        "title": "Enrolment",
        "consumer": {"member": WBB, "systems": [f"{WBB}/SRIS"]},
        "provider": {"member": DME, "systems": [f"{DME}/ESS"]},
        "services": [{"service": "ess.enrolment", "actions": ["read"], "fields": fields}],
        "purposes": ["employment-support.referral"],
        "legal_bases": [{"kind": "consent", "controllers": [WBB]}],
        "valid_from": "2020-01-01T00:00:00Z",
        "valid_until": "2100-01-01T00:00:00Z",
    }


async def version_in_force(place: Place) -> int:
    async with place.db.read() as connection:
        return (await store.established_agreement(connection, "A1")).agreement.version


async def test_a_policy_is_lowered_when_a_second_person_agrees_and_not_before(either: Place) -> None:
    operator = await either.signed_in("amara", "operator")
    watcher = await either.signed_in("kamal", "compliance_officer")
    id_ = await proposed(operator)
    assert not (await policy_of(either)).bearer
    done = await watcher.call("POST", f"/v1/approvals/{id_}/approve")
    assert (done.status_code, done.json()["state"]) == (200, "approved")
    assert (await policy_of(either)).bearer


async def policy_of(either: Place) -> Policy:
    async with either.db.read() as connection:
        found = await register.find_system(connection, SR.id)
    assert found is not None
    return found.policy


async def test_a_callback_moves_when_a_second_person_agrees(place: Place) -> None:
    mine = await place.signed_in("amara", "agency_administrator")
    colleague = await place.signed_in("nimal", "agency_administrator")
    moved = {"enrolment": "https://callbacks.example/a"}
    id_ = await proposed(mine, kind="callback.host", subject=SR.id, member=WBB, document=moved)
    assert (await colleague.call("POST", f"/v1/approvals/{id_}/approve")).status_code == 200
    async with place.db.read() as connection:
        found = await register.find_system(connection, SR.id)
    assert found is not None
    assert found.services[0].callback_url == moved["enrolment"]


async def test_what_could_never_be_done_is_not_proposed(place: Place) -> None:
    operator = await place.signed_in("amara", "operator")
    inside = {"kind": "callback.host", "subject": SR.id, "document": {"enrolment": "https://10.0.0.7/a"}}
    assert "may not be dialled" in (await operator.call("POST", "/v1/approvals", LOWER | inside)).json()["detail"]
    nonsense = {"document": {"bearer": "perhaps"}}
    assert (await operator.call("POST", "/v1/approvals", LOWER | nonsense)).status_code == 409


async def test_a_callback_that_its_host_does_not_own_up_to_is_not_proposed(place: Place) -> None:
    asked: list[str] = []

    async def fetch(_method: str, url: str, _headers: object, _content: bytes) -> HttpAnswer:
        asked.append(url)
        return HttpAnswer(200, {}, b"hello")

    place.app.state.trust.callback_proofs = CallbackProofs(fetch, place.origin)
    operator = await place.signed_in("amara", "operator")
    moved = {"kind": "callback.host", "subject": SR.id, "document": {"enrolment": "https://victim.example/a"}}
    answer = await operator.call("POST", "/v1/approvals", LOWER | moved)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request.address")
    assert asked == ["https://victim.example/.well-known/sandhi-callback"]


async def test_new_published_keys_come_by_the_way_that_fetches_them(place: Place) -> None:
    operator = await place.signed_in("amara", "operator")
    watcher = await place.signed_in("kamal", "compliance_officer")
    elsewhere = Policy(bearer=True, jwks_uri="https://sr.example/jwks.json").document()
    id_ = await proposed(operator, document=elsewhere)
    assert (await watcher.call("POST", f"/v1/approvals/{id_}/approve")).status_code == 409
    assert await policy_of(place) == Policy()


async def test_what_cannot_be_done_is_not_approved_either(place: Place) -> None:
    operator = await place.signed_in("amara", "operator")
    watcher = await place.signed_in("kamal", "compliance_officer")
    id_ = await proposed(operator, kind="system.policy", subject="LK/GOV/WBB/NONE", document={"bearer": True})
    assert (await watcher.call("POST", f"/v1/approvals/{id_}/approve")).status_code == 409
    assert (await operator.call("GET", f"/v1/approvals/{id_}")).json()["state"] == "proposed"


async def test_oversight_is_granted_by_two_and_never_to_oneself(place: Place) -> None:
    operator = await place.signed_in("amara", "operator")
    watcher = await place.signed_in("kamal", "compliance_officer")
    made = await place.officer("nimal")
    direct = await operator.call("POST", f"/v1/officers/{made.id}/roles", {"role": "external_auditor"})
    assert (direct.status_code, "approvals" in direct.json()["detail"]) == (403, True)
    id_ = await proposed(operator, kind="role.grant", subject=made.id, document={"role": "external_auditor"})
    assert (await watcher.call("POST", f"/v1/approvals/{id_}/approve")).status_code == 200
    shown = (await operator.call("GET", f"/v1/officers/{made.id}")).json()
    assert [each["role"] for each in shown["roles"]] == ["external_auditor"]
    me = (await operator.call("GET", "/v1/officers/me")).json()["id"]
    mine = await proposed(operator, kind="role.grant", subject=me, document={"role": "data_manager", "member": WBB})
    assert (await watcher.call("POST", f"/v1/approvals/{mine}/approve")).status_code == 409
    own = await operator.call("POST", f"/v1/officers/{me}/roles", {"role": "data_manager", "member": WBB})
    assert own.status_code == 409


async def test_an_administrator_sees_and_changes_the_own_agency_only(place: Place) -> None:
    mine = await place.signed_in("amara", "agency_administrator")
    colleague = await place.officer("nimal")
    stranger = await place.officer("kamal", member=DME)
    listed = {each["id"] for each in (await mine.call("GET", "/v1/officers")).json()["officers"]}
    assert colleague.id in listed
    assert stranger.id not in listed
    for method, path, body in (
        ("GET", "", None),
        ("POST", "/state", {"state": "suspended"}),
        ("POST", "/roles", {"role": "data_manager", "member": WBB}),
        ("DELETE", "/roles/x", None),
    ):
        answer = await mine.call(method, f"/v1/officers/{stranger.id}{path}", body)
        unknown = await mine.call(method, f"/v1/officers/OFF-00000000{path}", body)
        assert (answer.status_code, answer.text) == (404, unknown.text)
    given = await mine.call("POST", f"/v1/officers/{colleague.id}/roles", {"role": "data_manager", "member": WBB})
    assert given.status_code == 201
    foreign = await mine.call("POST", f"/v1/officers/{colleague.id}/roles", {"role": "data_manager", "member": DME})
    assert foreign.status_code == 403
    new = {"member": DME, "name": "x", "issuer": "https://id.example", "subject": "x"}
    assert (await mine.call("POST", "/v1/officers", new)).status_code == 403
    assert (await mine.call("POST", "/v1/officers", new | {"member": WBB})).status_code == 201
    assert (await mine.call("POST", "/v1/officers", new | {"member": WBB})).status_code == 409


async def test_a_division_officer_sees_who_works_in_the_own_division_only(either: Place) -> None:
    division = await either.signed_in("amara", "division_officer", territory="LK-1103")
    within = await either.officer("nimal", "gn_officer", member=DME, territory="LK-1103005")
    beside = await either.officer("kamal", "gn_officer", territory="LK-1106005")
    above = await either.officer("sunil", "employment_counsellor", territory="LK-11")
    listed = {each["id"] for each in (await division.call("GET", "/v1/officers")).json()["officers"]}
    assert within.id in listed
    assert not {beside.id, above.id} & listed
    assert (await division.call("GET", f"/v1/officers/{beside.id}")).status_code == 404
    assert (await division.call("GET", f"/v1/officers/{within.id}")).status_code == 200
    by_place = (await division.call("GET", "/v1/officers?territory=LK-1103005")).json()["officers"]
    assert [each["id"] for each in by_place] == [within.id]
    assert (await division.call("GET", "/v1/officers?territory=LK-110")).status_code == 409


async def test_a_role_counts_no_longer_than_it_lasts(place: Place) -> None:
    made = await place.officer("amara")
    async with place.db.write() as connection:
        until = place.clock() + timedelta(minutes=10)
        wanted = grants.Wanted(made.id, "operator", expires_at=until)
        await grants.give(connection, place.log, wanted, place.people.profile.raw, by=SHELL, now=place.clock())
    browser = await place.signed_in("amara")
    assert (await browser.call("GET", "/v1/officers")).status_code == 200
    place.clock.pass_by(10 * 60)
    assert (await browser.call("GET", "/v1/officers")).status_code == 403


async def test_a_revoked_role_counts_no_more_and_the_log_says_who(place: Place) -> None:
    operator = await place.signed_in("amara", "operator")
    made = await place.officer("nimal", "agency_administrator")
    browser = await place.signed_in("nimal")
    assert (await browser.call("GET", "/v1/officers")).status_code == 200
    held = (await operator.call("GET", f"/v1/officers/{made.id}")).json()["roles"][0]["id"]
    assert (await operator.call("DELETE", f"/v1/officers/{made.id}/roles/{held}")).status_code == 200
    assert (await browser.call("GET", "/v1/officers")).status_code == 403
    last = place.log.entries[-1]
    assert last.kind == "role.revoked"
    assert last.facts["by"] == (await operator.call("GET", "/v1/officers/me")).json()["id"]


async def test_nothing_changes_when_the_log_refuses(place: Place) -> None:
    operator = await place.signed_in("amara", "operator")
    made = await place.officer("nimal")
    place.log.broken = True
    with pytest.raises(OSError, match="full"):
        async with place.db.write() as connection:
            await officers.set_state(connection, place.log, made.id, "retired", by=SHELL, now=place.clock())
    place.log.broken = False
    assert (await operator.call("GET", f"/v1/officers/{made.id}")).json()["state"] == "active"
