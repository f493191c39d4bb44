"""Quotas hold across writers, old decisions can be replayed, a widening says whom it exposes, and a proposal waits for
its second signature; on both databases.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from joserfc.jwk import OKPKey
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from consent import Consent, Objection, Request, SignedAgreement, facts_for, proposals, sign_agreement, verify_agreement
from consent import register as consent_register
from consent import store as agreements
from consent.errors import (
    AgreementConflict,
    AgreementUnknown,
    DocumentAltered,
    QuotaSpent,
    SignatureUnexpected,
    WrongSigner,
)
from consent.exposure import newly_exposed
from consent.history import events_of, facts_as_of, replayed
from consent.quota import forget_spent, spend
from consent.tables import metadata, spent_on

WBB, EPF = "LK/GOV/WBB", "LK/GOV/EPF"
PURPOSE = "employment-support.eligibility"
DAY = timedelta(days=1)
NOW = datetime(2026, 10, 31, 12, 30, tzinfo=UTC)
KEYS = {name: {**OKPKey.generate_key("Ed25519").as_dict(private=True), "kid": name} for name in (WBB, EPF)}
PUBLIC = {name: [{k: v for k, v in key.items() if k != "d"}] for name, key in KEYS.items()}
GRANT: dict[str, Any] = {
    "service": "pension.contributions",
    "actions": ["read"],
    "fields": ["months"],
    "sends": ["NIC"],
}
ASKED = Request(f"{WBB}/SRIS", f"{EPF}/MEMBERS", GRANT["service"], "read", PURPOSE, frozenset({"months"}), "p1")


def signed(**changes: Any) -> SignedAgreement:
    document: dict[str, Any] = {
        "format": "agreement/1",
        "id": "A1",
        "version": 1,
        "title": "Contribution status",
        "provider": {"member": EPF, "systems": [f"{EPF}/MEMBERS"]},
        "consumer": {"member": WBB, "systems": [f"{WBB}/SRIS"]},
        "services": [GRANT],
        "purposes": [PURPOSE],
        "legal_bases": [{"kind": "consent", "controllers": [WBB]}],
        "valid_from": "2026-01-01T00:00:00Z",
        "valid_until": "2027-01-01T00:00:00Z",
    } | changes
    return verify_agreement(document, {name: sign_agreement(document, key) for name, key in KEYS.items()}, PUBLIC)


def given(**changes: Any) -> Consent:
    values: dict[str, Any] = {
        "id": "C1",
        "subject_ref": "p1",
        "controller": WBB,
        "recipients": frozenset({WBB}),
        "purposes": frozenset({PURPOSE}),
        "services": {"pension.contributions": None},
        "valid_from": datetime(2026, 1, 1, tzinfo=UTC),
        "valid_until": datetime(2027, 1, 1, tzinfo=UTC),
        "given_how": "self",
        "evidence": "sha-256:" + "0" * 64,
    }
    return Consent(**(values | changes))


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    """An empty database; the same promises hold on both."""
    made = create_async_engine(database_url)
    async with made.begin() as connection:
        await connection.run_sync(metadata.create_all)
    yield made
    await made.dispose()


async def test_a_budget_is_spent_and_renewed_with_its_window(engine: AsyncEngine) -> None:
    agreement = signed(quota={"calls_per_hour": 2}).agreement
    async with engine.begin() as connection:
        await spend(connection, agreement, ["p1"], NOW)
        await spend(connection, agreement, ["p1"], NOW)
    with pytest.raises(QuotaSpent) as refused:
        async with engine.begin() as connection:
            await spend(connection, agreement, ["p1"], NOW)
    assert (refused.value.kind, refused.value.until) == ("calls_per_hour", NOW.replace(hour=13, minute=0))
    async with engine.begin() as connection:
        await spend(connection, agreement, ["p1"], NOW + timedelta(minutes=30))


async def test_the_same_person_counts_once_among_different_people(engine: AsyncEngine) -> None:
    agreement = signed(quota={"subjects_per_day": 2}).agreement
    async with engine.begin() as connection:
        for who in ("p1", "p2", "p1", "p2", "p1"):
            await spend(connection, agreement, [who], NOW)
    with pytest.raises(QuotaSpent, match="subjects per day"):
        async with engine.begin() as connection:
            await spend(connection, agreement, ["p3"], NOW)
    async with engine.begin() as connection:  # the refused one was not remembered
        assert await connection.scalar(select(func.count()).select_from(spent_on)) == 2


async def test_what_is_refused_costs_nothing(engine: AsyncEngine) -> None:
    agreement = signed(quota={"calls_per_day": 3, "bulk_lines": 3}).agreement
    for people_asked in (["p1", "p2", "p3", "p4"], ["p1", "p2", "p3", "p4"]):
        with pytest.raises(QuotaSpent, match="bulk lines"):
            async with engine.begin() as connection:
                await spend(connection, agreement, people_asked, NOW)
    async with engine.begin() as connection:
        await spend(connection, agreement, ["p1", "p2", "p3"], NOW)


async def test_many_writers_at_once_spend_from_one_budget(engine: AsyncEngine) -> None:
    agreement = signed(quota={"calls_per_day": 10, "subjects_per_day": 10}).agreement
    turn = asyncio.Lock() if engine.dialect.name == "sqlite" else None

    async def ask(number: int) -> bool:
        try:
            if turn:
                async with turn, engine.begin() as connection:
                    await spend(connection, agreement, [f"p{number}"], NOW)
            else:
                async with engine.begin() as connection:
                    await spend(connection, agreement, [f"p{number}"], NOW)
        except QuotaSpent:
            return False
        return True

    allowed = await asyncio.gather(*(ask(number) for number in range(25)))
    assert sum(allowed) == 10


async def test_who_was_asked_about_is_forgotten_when_the_day_is_over(engine: AsyncEngine) -> None:
    agreement = signed(quota={"subjects_per_day": 5}).agreement
    async with engine.begin() as connection:
        await spend(connection, agreement, ["p1"], NOW)
        await forget_spent(connection, NOW)
        assert await connection.scalar(select(func.count()).select_from(spent_on)) == 1
        await forget_spent(connection, NOW + 3 * DAY)
        assert await connection.scalar(select(func.count()).select_from(spent_on)) == 0


async def test_an_agreement_without_a_quota_costs_no_statement(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await spend(connection, signed().agreement, ["p1"] * 1000, NOW)
        assert await connection.scalar(select(func.count()).select_from(spent_on)) == 0


async def test_a_past_decision_is_replayed_as_it_was(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await agreements.record_agreement(connection, signed(), by=WBB, now=NOW)
        await consent_register.record_consent(connection, given(), NOW + DAY)
        await agreements.suspend_agreement(connection, "A1", by=EPF, now=NOW + 2 * DAY)
        await agreements.resume_agreement(connection, "A1", by=EPF, now=NOW + 3 * DAY)
        await consent_register.record_objection(connection, Objection("O1", "p1"), by=WBB, now=NOW + 4 * DAY)
        await consent_register.lift_objection(connection, "O1", by=WBB, now=NOW + 5 * DAY)
        await consent_register.withdraw_consent(connection, "C1", NOW + 6 * DAY)
        await agreements.end_agreement(connection, "A1", by=WBB, now=NOW + 7 * DAY)
        half = DAY / 2
        then = [(await replayed(connection, ASKED, NOW + days * DAY + half)).refusal for days in range(-1, 8)]
    assert then == [
        "no_agreement",  # not recorded yet
        "no_legal_basis",
        "",
        "no_agreement",  # suspended
        "",
        "objection",
        "",
        "no_legal_basis",  # withdrawn
        "no_agreement",  # ended
    ]


async def test_the_facts_of_now_are_those_that_decide(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await agreements.record_agreement(connection, signed(), by=WBB, now=NOW)
        await consent_register.record_consent(connection, given(), NOW)
        await consent_register.record_objection(
            connection, Objection("O1", "p1", fields=frozenset({"x"})), by=WBB, now=NOW
        )
        later = NOW + DAY
        (live,) = await facts_for(connection, [ASKED], later)
        assert await facts_as_of(connection, ASKED, later) == live


async def test_an_amendment_decides_only_from_its_own_day_on(engine: AsyncEngine) -> None:
    wider = GRANT | {"fields": ["months", "name"]}
    amended = signed(version=2, services=[wider], valid_from="2026-11-02T00:00:00Z")
    asked = replace(ASKED, fields=frozenset({"months", "name"}))
    async with engine.begin() as connection:
        await agreements.record_agreement(connection, signed(), by=WBB, now=NOW)
        await agreements.record_agreement(connection, amended, by=WBB, now=NOW)
        await consent_register.record_consent(connection, given(), NOW)
        assert (await replayed(connection, asked, NOW + DAY)).fields == {"months"}
        assert (await replayed(connection, asked, NOW + 2 * DAY)).fields == {"months", "name"}
        assert [(each.version, each.state) for each in await events_of(connection, "A1")] == [
            (1, "in_force"),
            (2, "in_force"),
        ]


async def test_a_widening_says_how_many_people_it_would_newly_expose(engine: AsyncEngine) -> None:
    only_months = {"pension.contributions": frozenset({"months"})}
    consents = [given(id=f"C{number}", subject_ref=f"p{number}") for number in range(5)]
    consents += [given(id=f"N{number}", subject_ref=f"n{number}", services=only_months) for number in range(3)]
    consents += [given(id="gone", subject_ref="gone", withdrawn_at=None)]
    before = signed().agreement
    after = signed(version=2, services=[GRANT | {"fields": ["months", "name"]}]).agreement
    async with engine.begin() as connection:
        await consent_register.record_consents(connection, consents, NOW)
        await consent_register.withdraw_consent(connection, "gone", NOW)
        widened = await newly_exposed(connection, before, after, NOW)
        assert (widened.people, widened.without_consent) == (5, ())
        assert widened.gained == ((f"{WBB}/SRIS", "pension.contributions", PURPOSE, "name"),)
        assert (await newly_exposed(connection, after, before, NOW)).people == 0
        new = await newly_exposed(connection, None, before, NOW)
        assert new.people == 8


async def test_a_statute_exposes_everybody_and_says_so(engine: AsyncEngine) -> None:
    statute = {"kind": "public_task", "reference": "Act 9 of 2022"}
    after = signed(version=2, legal_bases=[{"kind": "consent", "controllers": [WBB]}, statute]).agreement
    async with engine.begin() as connection:
        exposed = await newly_exposed(connection, signed().agreement, after, NOW)
    assert exposed.without_consent == ((f"{WBB}/SRIS", "pension.contributions", PURPOSE, "months"),)


async def test_a_proposal_waits_for_both_signatures(engine: AsyncEngine) -> None:
    document = json.loads(signed().document)
    async with engine.begin() as connection:
        proposed = await proposals.propose(connection, document, by=WBB, now=NOW)
        assert proposed.missing == {WBB, EPF}
        for member in (WBB, EPF):
            signature = sign_agreement(document, KEYS[member])
            proposed = await proposals.sign(
                connection, proposed.number, by=member, signature=signature, keys=PUBLIC[member]
            )
        assert proposed.missing == set()
        assert verify_agreement(proposed.document, proposed.signatures, PUBLIC).agreement.id == "A1"
        done = await proposals.close(connection, proposed.number, by=EPF, standing=proposals.RECORDED)
        assert done.standing == proposals.RECORDED
        assert await proposals.proposals_of(connection, WBB) == []


async def test_only_a_party_proposes_signs_and_sees(engine: AsyncEngine) -> None:
    document = json.loads(signed().document)
    async with engine.begin() as connection:
        with pytest.raises(SignatureUnexpected):
            await proposals.propose(connection, document, by="LK/GOV/DME", now=NOW)
        proposed = await proposals.propose(connection, document, by=WBB, now=NOW)
        assert await proposals.proposals_of(connection, "LK/GOV/DME") == []
        with pytest.raises(AgreementUnknown):
            await proposals.read_proposal(connection, proposed.number, "LK/GOV/DME")
        assert [each.number for each in await proposals.proposals_of(connection, EPF)] == [proposed.number]


async def test_a_signature_over_other_words_or_by_another_key_does_not_count(engine: AsyncEngine) -> None:
    document = json.loads(signed().document)
    other = sign_agreement(document | {"title": "Other"}, KEYS[EPF])
    async with engine.begin() as connection:
        proposed = await proposals.propose(connection, document, by=WBB, now=NOW)
        with pytest.raises(DocumentAltered):
            await proposals.sign(connection, proposed.number, by=EPF, signature=other, keys=PUBLIC[EPF])
        mine = sign_agreement(document, KEYS[WBB])
        with pytest.raises(WrongSigner):
            await proposals.sign(connection, proposed.number, by=EPF, signature=mine, keys=PUBLIC[EPF])


async def test_a_newer_proposal_replaces_an_open_one_and_the_other_side_rejects(engine: AsyncEngine) -> None:
    document = json.loads(signed().document)
    async with engine.begin() as connection:
        first = await proposals.propose(connection, document, by=WBB, now=NOW)
        second = await proposals.propose(connection, document | {"title": "Better words"}, by=EPF, now=NOW)
        with pytest.raises(AgreementConflict, match="replaced"):
            await proposals.close(connection, first.number, by=EPF, standing=proposals.REJECTED)
        with pytest.raises(AgreementConflict, match="withdraws"):
            await proposals.close(connection, second.number, by=EPF, standing=proposals.REJECTED)
        rejected = await proposals.close(connection, second.number, by=WBB, standing=proposals.REJECTED)
        assert (rejected.standing, rejected.closed_by) == (proposals.REJECTED, WBB)


async def test_a_held_amendment_waits_while_the_version_before_goes_on(engine: AsyncEngine) -> None:
    asked = replace(ASKED, fields=frozenset({"months", "name"}))
    wider = signed(version=2, services=[GRANT | {"fields": ["months", "name"]}])
    async with engine.begin() as connection:
        await agreements.record_agreement(connection, signed(), by=WBB, now=NOW)
        held = await agreements.record_agreement(connection, wider, by=WBB, now=NOW, held=True)
        assert held.agreement.state == "agreed"
        await consent_register.record_consent(connection, given(), NOW)
        assert (await replayed(connection, asked, NOW + DAY)).fields == {"months"}
        await agreements.suspend_agreement(connection, "A1", by=EPF, now=NOW + DAY)
        await agreements.resume_agreement(connection, "A1", by=EPF, now=NOW + DAY)
        taken = await agreements.put_in_force(connection, "A1", 2, by=EPF, now=NOW + 2 * DAY)
        assert taken.agreement.state == "in_force"
        assert (await replayed(connection, asked, NOW + 3 * DAY)).fields == {"months", "name"}
        assert (await replayed(connection, asked, NOW + DAY + DAY / 2)).fields == {"months"}
        (live,) = await facts_for(connection, [asked], NOW + 3 * DAY)
        assert [each.version for each in live.agreements] == [2]


async def test_a_held_amendment_gives_way_to_the_next_one_and_ends_with_its_agreement(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await agreements.record_agreement(connection, signed(), by=WBB, now=NOW)
        await agreements.record_agreement(connection, signed(version=2, title="Held"), by=WBB, now=NOW, held=True)
        await agreements.record_agreement(connection, signed(version=3, title="Held too"), by=WBB, now=NOW, held=True)
        with pytest.raises(AgreementConflict, match="does not wait"):
            await agreements.put_in_force(connection, "A1", 2, by=EPF, now=NOW)
        await agreements.end_agreement(connection, "A1", by=EPF, now=NOW)
        with pytest.raises(AgreementConflict):
            await agreements.put_in_force(connection, "A1", 3, by=EPF, now=NOW)
