"""The store's promises, on both databases: what is recorded is found, what ended stays ended, costs stay flat."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from joserfc.jwk import OKPKey
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from consent import (
    Consent,
    Facts,
    FactsSource,
    FactsUnavailable,
    Objection,
    Relationship,
    Request,
    SignedAgreement,
    State,
    decide,
    facts_for,
    sign_agreement,
    verify_agreement,
)
from consent import register as consent_register
from consent import store as agreements
from consent.errors import AgreementConflict, AgreementUnknown, ConsentConflict, ConsentUnknown, ObjectionUnknown
from consent.lookup import AgreementCache
from consent.lookup_connection import lookup_statement
from consent.tables import metadata

NOW = datetime(2026, 10, 31, 12, 0, 0, 123456, tzinfo=UTC)
START, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
WBB, EPF = "LK/GOV/WBB", "LK/GOV/EPF"
KEYS = {
    member: {**OKPKey.generate_key("Ed25519").as_dict(private=True), "kid": member}
    for member in (WBB, EPF, "LK/GOV/DME")
}


@dataclass
class Database:
    """One empty database. `connect` sees what is committed; `write` is one transaction."""

    engine: AsyncEngine
    statements: list[str]

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[AsyncConnection]:
        async with self.engine.connect() as connection:
            yield await connection.execution_options(isolation_level="AUTOCOMMIT")

    def write(self) -> AbstractAsyncContextManager[AsyncConnection]:
        return self.engine.begin()


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """The same suite runs on both."""
    engine = create_async_engine(database_url)
    statements: list[str] = []
    event.listen(engine.sync_engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    statements.clear()
    yield Database(engine, statements)
    await engine.dispose()


def signed(**changes: Any) -> SignedAgreement:
    document: dict[str, Any] = {
        "format": "agreement/1",
        "id": "A1",
        "version": 1,
        "title": "Contribution status",
        "provider": {"member": EPF, "systems": [f"{EPF}/MEMBERS"]},
        "consumer": {"member": WBB, "systems": [f"{WBB}/SRIS"]},
        "services": [{"service": "pension.contributions", "actions": ["read"], "fields": ["months"], "sends": ["NIC"]}],
        "purposes": ["employment-support.eligibility"],
        "legal_bases": [{"kind": "consent", "controllers": [WBB]}],
        "valid_from": "2026-01-01T00:00:00Z",
        "valid_until": "2027-01-01T00:00:00Z",
    } | changes
    members = {document["provider"]["member"], document["consumer"]["member"]}
    signatures = {member: sign_agreement(document, KEYS[member]) for member in members}
    public = {member: [{name: value for name, value in jwk.items() if name != "d"}] for member, jwk in KEYS.items()}
    return verify_agreement(document, signatures, public)


def consent(number: int = 1, **changes: Any) -> Consent:
    values: dict[str, Any] = {
        "id": f"C{number}",
        "subject_ref": f"p{number}",
        "controller": WBB,
        "recipients": frozenset({WBB}),
        "purposes": frozenset({"employment-support.eligibility"}),
        "services": {"pension.contributions": None, "tax.employment": frozenset({"closed_month"})},
        "valid_from": START,
        "valid_until": END,
        "given_how": "assisted",
        "evidence": "sha-256:" + "0" * 64,
    }
    return Consent(**(values | changes))


def asks(number: int = 1, **changes: Any) -> Request:
    values: dict[str, Any] = {
        "consumer": f"{WBB}/SRIS",
        "provider": f"{EPF}/MEMBERS",
        "service": "pension.contributions",
        "action": "read",
        "purpose": "employment-support.eligibility",
        "fields": frozenset({"months"}),
        "subject_ref": f"p{number}",
        "sent": frozenset({"NIC"}),
    }
    return Request(**(values | changes))


async def recorded(database: Database, *agreed: SignedAgreement, consents: list[Consent] | None = None) -> None:
    async with database.write() as connection:
        for each in agreed:
            await agreements.record_agreement(connection, each, by=WBB, now=NOW)
        await consent_register.record_consents(connection, consents or [], NOW)


async def allowed(database: Database, request: Request | None = None, at: datetime = NOW) -> bool:
    async with database.connect() as connection:
        (facts,) = await facts_for(connection, [request or asks()], at)
    return decide(request or asks(), facts, at).allowed


# --- agreements -------------------------------------------------------------------------------------


async def test_a_recorded_agreement_is_read_back_whole_with_its_signatures(database: Database) -> None:
    original = signed()
    await recorded(database, original)
    async with database.connect() as connection:
        kept = await agreements.read_agreement(connection, "A1")
    assert kept.agreement == original.agreement
    assert kept.document.encode() == original.document
    assert kept.signatures == original.signatures
    assert (kept.recorded_at, kept.changed_at, kept.state_by) == (NOW, NOW, WBB)


async def test_an_unknown_agreement_or_version_is_named_so(database: Database) -> None:
    await recorded(database, signed())
    async with database.connect() as connection:
        with pytest.raises(AgreementUnknown):
            await agreements.read_agreement(connection, "A2")
        with pytest.raises(AgreementUnknown):
            await agreements.read_agreement(connection, "A1", 2)


async def test_an_amendment_replaces_and_the_old_version_stays_readable(database: Database) -> None:
    await recorded(database, signed(), signed(version=2, title="Less"))
    async with database.connect() as connection:
        assert (await agreements.read_agreement(connection, "A1")).agreement.title == "Less"
        old = (await agreements.read_agreement(connection, "A1", 1)).agreement
        assert [each.agreement.version for each in await agreements.list_agreements(connection)] == [1, 2]
    assert (old.title, old.standing(NOW)) == ("Contribution status", "replaced")


async def test_the_old_version_holds_until_the_new_one_begins(database: Database) -> None:
    begins = datetime(2026, 12, 1, tzinfo=UTC)
    narrower = signed(version=2, valid_from="2026-12-01T00:00:00Z", purposes=["employment-support.referral"])
    await recorded(database, signed(), narrower, consents=[consent()])
    assert await allowed(database, at=begins - timedelta(seconds=1))
    assert not await allowed(database, at=begins)


@pytest.mark.parametrize(
    "next_one",
    [
        lambda: signed(version=1, title="Another"),
        lambda: signed(version=3),
        lambda: signed(version=2, provider={"member": "LK/GOV/DME", "systems": ["LK/GOV/DME/ESS"]}),
        lambda: signed(id="A9", version=2),
    ],
    ids=["same version", "skipped version", "other parties", "unknown id"],
)
async def test_what_does_not_follow_is_refused(database: Database, next_one: Callable[[], SignedAgreement]) -> None:
    await recorded(database, signed())
    async with database.write() as connection:
        with pytest.raises(AgreementConflict):
            await agreements.record_agreement(connection, next_one(), by=WBB, now=NOW)


async def test_suspended_it_stops_at_once_and_only_who_suspended_it_resumes(database: Database) -> None:
    await recorded(database, signed(), consents=[consent()])
    async with database.write() as connection:
        await agreements.suspend_agreement(connection, "A1", by=EPF, now=NOW)
    assert not await allowed(database)
    async with database.write() as connection:
        with pytest.raises(AgreementConflict):
            await agreements.resume_agreement(connection, "A1", by=WBB, now=NOW)
        await agreements.resume_agreement(connection, "A1", by=EPF, now=NOW)
    assert await allowed(database)


async def test_amending_a_suspended_agreement_does_not_lift_the_suspension(database: Database) -> None:
    await recorded(database, signed(), consents=[consent()])
    async with database.write() as connection:
        await agreements.suspend_agreement(connection, "A1", by=EPF, now=NOW)
        amended = await agreements.record_agreement(connection, signed(version=2), by=WBB, now=NOW)
    assert (amended.agreement.state, amended.state_by) == (State.SUSPENDED, EPF)
    assert not await allowed(database)


async def test_ended_is_for_good(database: Database) -> None:
    await recorded(database, signed(), consents=[consent()])
    async with database.write() as connection:
        ended = await agreements.end_agreement(connection, "A1", by=WBB, now=NOW)
        assert ended.agreement.state is State.ENDED
        for change in (agreements.suspend_agreement, agreements.resume_agreement, agreements.end_agreement):
            with pytest.raises(AgreementConflict):
                await change(connection, "A1", by=WBB, now=NOW)
        with pytest.raises(AgreementConflict):
            await agreements.record_agreement(connection, signed(version=2), by=WBB, now=NOW)
    assert not await allowed(database)


async def test_ending_stops_an_amendment_that_waits_too(database: Database) -> None:
    waiting = signed(version=2, valid_from="2026-12-01T00:00:00Z")
    await recorded(database, signed(), waiting, consents=[consent()])
    async with database.write() as connection:
        await agreements.end_agreement(connection, "A1", by=WBB, now=NOW)
    assert not await allowed(database)
    assert not await allowed(database, at=datetime(2026, 12, 24, tzinfo=UTC))


async def test_a_change_that_is_rolled_back_did_not_happen(database: Database) -> None:
    await recorded(database, signed(), consents=[consent()])
    async with database.engine.connect() as connection:
        await agreements.end_agreement(connection, "A1", by=WBB, now=NOW)
        await connection.rollback()
    assert await allowed(database)


async def test_agreements_are_found_by_system_and_by_member(database: Database) -> None:
    other = signed(id="B1", provider={"member": "LK/GOV/DME", "systems": ["LK/GOV/DME/ESS"]})
    await recorded(database, signed(), other)
    async with database.connect() as connection:
        found = {
            "consumer": await agreements.agreements_for(connection, f"{WBB}/SRIS"),
            "both": await agreements.agreements_for(connection, f"{WBB}/SRIS", "LK/GOV/DME/ESS"),
            "stranger": await agreements.agreements_for(connection, "LK/COM/NOONE/APP"),
            "EPF": await agreements.list_agreements(connection, EPF),
        }
    assert {name: [each.agreement.id for each in some] for name, some in found.items()} == {
        "consumer": ["A1", "B1"],
        "both": ["B1"],
        "stranger": [],
        "EPF": ["A1"],
    }


async def test_a_change_by_another_process_is_seen_by_the_next_lookup(database: Database) -> None:
    await recorded(database, signed(), consents=[consent()])
    here = FactsSource(database.connect, clock=lambda: NOW)
    assert decide(asks(), await here.of(asks()), NOW).allowed
    async with database.write() as connection:  # knows nothing of `here`
        await agreements.suspend_agreement(connection, "A1", by=EPF, now=NOW)
    assert not decide(asks(), await here.of(asks()), NOW).allowed


# --- consents ---------------------------------------------------------------------------------------


async def test_a_recorded_consent_is_read_back_whole(database: Database) -> None:
    await recorded(database, consents=[consent()])
    async with database.connect() as connection:
        assert await consent_register.read_consent(connection, "C1") == consent()
        with pytest.raises(ConsentUnknown):
            await consent_register.read_consent(connection, "C2")


async def test_the_numbers_recorded_with_a_consent_are_all_that_a_question_may_use(database: Database) -> None:
    mine, others = frozenset({"n1", "n2"}), frozenset({"n3"})
    given = [consent(1, numbers=mine), consent(2, numbers=others), consent(3)]
    await recorded(database, signed(), consents=given)
    async with database.connect() as connection:
        assert await consent_register.list_consents(connection, WBB) == given
        assert await connection.scalar(text("SELECT count(*) FROM consent_terms")) == 1, "terms stay shared"
    assert await allowed(database, asks(numbers=frozenset({"n1"})))
    assert not await allowed(database, asks(numbers=others))
    assert not await allowed(database, asks(3, numbers=others))


async def test_the_same_consent_with_other_numbers_is_another(database: Database) -> None:
    await recorded(database, consents=[consent(numbers=frozenset({"n1", "n2"}))])
    async with database.write() as connection:
        again = [consent(numbers=frozenset({"n2", "n1"})), consent(numbers=frozenset({"n1"}))]
        assert await consent_register.record_consents(connection, again, NOW) == ["unchanged", "conflict"]


async def test_sending_the_same_again_changes_nothing_and_another_under_its_id_is_refused(database: Database) -> None:
    await recorded(database, consents=[consent()])
    batch = [consent(), consent(2), consent(1, subject_ref="p9"), consent(2), consent(2, given_how="self")]
    async with database.write() as connection:
        words = await consent_register.record_consents(connection, batch, NOW)
        with pytest.raises(ConsentConflict):
            await consent_register.record_consent(connection, consent(1, subject_ref="p9"), NOW)
        assert await consent_register.record_consent(connection, consent(), NOW) == "unchanged"
    assert words == ["unchanged", "recorded", "conflict", "unchanged", "conflict"]


async def test_sending_a_withdrawn_consent_again_does_not_revive_it(database: Database) -> None:
    await recorded(database, signed(), consents=[consent()])
    async with database.write() as connection:
        await consent_register.withdraw_consent(connection, "C1", NOW)
    async with database.write() as connection:
        assert await consent_register.record_consents(connection, [consent()], NOW) == ["unchanged"]
    assert not await allowed(database)


async def test_many_consents_are_recorded_in_bulk(database: Database) -> None:
    many = [consent(number) for number in range(3000)]
    async with database.write() as connection:
        words = await consent_register.record_consents(connection, many, NOW)
    assert set(words) == {"recorded"}
    inserts = [each for each in database.statements if each.startswith("INSERT INTO consent_consent")]
    assert len(inserts) <= 3000 / 500, "hundreds in one statement"


async def test_withdrawal_counts_from_the_next_lookup_and_its_time_is_never_rewritten(database: Database) -> None:
    await recorded(database, signed(), consents=[consent()])
    source = FactsSource(database.connect, clock=lambda: NOW)
    assert decide(asks(), await source.of(asks()), NOW).allowed
    async with database.write() as connection:
        assert await consent_register.withdraw_consent(connection, "C1", NOW)
    assert not decide(asks(), await source.of(asks()), NOW).allowed
    async with database.write() as connection:
        assert not await consent_register.withdraw_consent(connection, "C1", END)
        with pytest.raises(ConsentUnknown):
            await consent_register.withdraw_consent(connection, "C2", NOW)
    async with database.connect() as connection:
        assert (await consent_register.read_consent(connection, "C1")).withdrawn_at == NOW


async def test_withdrawal_by_person_takes_what_they_gave_this_controller_for_these_purposes(
    database: Database,
) -> None:
    given = [
        consent(1),
        consent(2, subject_ref="p1", purposes=frozenset({"employment-support.outreach"})),
        consent(3, subject_ref="p1", controller="LK/GOV/DME"),
        consent(4),
    ]
    await recorded(database, consents=given)
    async with database.write() as connection:
        for_outreach = frozenset({"employment-support.outreach"})
        assert await consent_register.withdraw_consents_of(
            connection, "p1", NOW, controller=WBB, purposes=for_outreach
        ) == ["C2"]
        assert await consent_register.withdraw_consents_of(connection, "p1", NOW, controller=WBB) == ["C1"]
        assert await consent_register.withdraw_consents_of(connection, "p1", NOW) == ["C3"]
        assert await consent_register.withdraw_consents_of(connection, "p1", NOW) == []


async def test_consents_are_listed_page_by_page(database: Database) -> None:
    await recorded(database, consents=[consent(number) for number in range(5)] + [consent(9, controller="LK/GOV/DME")])
    async with database.connect() as connection:
        first = await consent_register.list_consents(connection, WBB, limit=3)
        rest = await consent_register.list_consents(connection, WBB, after=first[-1].id, limit=3)
        one = await consent_register.list_consents(connection, WBB, subject_ref="p3")
    assert [each.id for each in first + rest] == ["C0", "C1", "C2", "C3", "C4"]
    assert one == [consent(3)]


# --- objections and relationships -------------------------------------------------------------------


async def test_an_objection_stops_until_who_upheld_it_lifts_it(database: Database) -> None:
    objection = Objection("O1", "p1", "restriction", services=frozenset({"pension.contributions"}))
    await recorded(database, signed(), consents=[consent()])
    async with database.write() as connection:
        await consent_register.record_objection(connection, objection, by=WBB, now=NOW)
    assert not await allowed(database)
    async with database.write() as connection:
        assert await consent_register.list_objections(connection, WBB, subject_ref="p1") == [objection]
        with pytest.raises(ObjectionUnknown):
            await consent_register.lift_objection(connection, "O1", by=EPF, now=NOW)
        assert await consent_register.lift_objection(connection, "O1", by=WBB, now=NOW)
        assert not await consent_register.lift_objection(connection, "O1", by=WBB, now=NOW)
        assert (await consent_register.list_objections(connection, WBB)) == [replace(objection, lifted_at=NOW)]
    assert await allowed(database)


async def test_an_objections_id_is_taken_once(database: Database) -> None:
    async with database.write() as connection:
        await consent_register.record_objection(connection, Objection("O1", "p1"), by=WBB, now=NOW)
    with pytest.raises(ConsentConflict):
        async with database.write() as connection:
            await consent_register.record_objection(connection, Objection("O1", "p2"), by=WBB, now=NOW)


async def test_a_required_relationship_holds_from_its_declaration_to_its_end(database: Database) -> None:
    await recorded(database, signed(requires_relationship=True), consents=[consent()])
    assert not await allowed(database)
    declared = Relationship("L1", "p1", WBB, "household_registered", None, START, END)
    async with database.write() as connection:
        await consent_register.declare_relationships(connection, [declared], NOW)
    assert await allowed(database)
    async with database.write() as connection:
        assert await consent_register.end_relationship(connection, "L1", NOW)
        assert not await consent_register.end_relationship(connection, "L1", NOW)
    assert not await allowed(database)


# --- lookups ----------------------------------------------------------------------------------------


async def test_many_requests_are_one_statement_and_each_gets_its_own_facts(database: Database) -> None:
    await recorded(database, signed(), consents=[consent(number) for number in range(40)])
    cache = AgreementCache()
    requests = [asks(number) for number in range(50)] + [asks(1, consumer="LK/COM/NOONE/APP")]
    async with database.connect() as connection:
        await facts_for(connection, requests[:1], NOW, cache)
        database.statements.clear()
        facts = await facts_for(connection, requests, NOW, cache)
    assert len(database.statements) == 1
    assert [decide(each, found, NOW).allowed for each, found in zip(requests, facts, strict=True)] == (
        [True] * 40 + [False] * 11
    )
    assert all(
        {each.subject_ref for each in found.consents} <= {request.subject_ref}
        for request, found in zip(requests, facts, strict=True)
    )
    assert facts[-1].agreements == ()


async def test_more_people_than_one_statement_holds_are_answered_too(database: Database) -> None:
    await recorded(database, signed(), consents=[consent(number) for number in range(600)])
    async with database.connect() as connection:
        facts = await facts_for(connection, [asks(number) for number in range(600)], NOW)
    assert [each.consents[0].id for each in facts] == [f"C{number}" for number in range(600)]


async def test_a_lookup_uses_the_indexes_and_reads_no_table_from_end_to_end(database: Database) -> None:
    async with database.connect() as connection:
        explain = "EXPLAIN QUERY PLAN"
        if connection.dialect.name == "postgresql":
            explain = "EXPLAIN"
            await connection.exec_driver_sql("SET enable_seqscan = off")  # small tables are read whole otherwise
        statement, parameters = lookup_statement(connection.dialect.name, ["p1"])
        steps = [str(row[-1]) for row in await connection.exec_driver_sql(f"{explain} {statement}", parameters)]
    for table in ("consent", "objection", "relationship"):
        assert [step for step in steps if f"consent_{table}_s" in step], steps  # _subject, or on SQLite _said


async def test_lookups_from_many_tasks_while_consents_are_withdrawn_never_show_a_withdrawn_one(
    database: Database,
) -> None:
    await recorded(database, signed(), consents=[consent(number) for number in range(30)])
    source = FactsSource(database.connect, clock=lambda: NOW)
    withdrawn: set[int] = set()
    wrong: list[int] = []

    async def reads(number: int) -> None:
        for _ in range(10):
            was_withdrawn = number in withdrawn
            facts = await source.of(asks(number))
            if was_withdrawn and decide(asks(number), facts, NOW).allowed:
                wrong.append(number)

    async def withdraws() -> None:
        for number in range(0, 30, 2):
            async with database.write() as connection:
                await consent_register.withdraw_consent(connection, f"C{number}", NOW)
            withdrawn.add(number)

    await asyncio.gather(withdraws(), *(reads(number) for number in range(30)))
    assert wrong == []
    assert [decide(asks(n), await source.of(asks(n)), NOW).allowed for n in range(30)] == [
        n % 2 == 1 for n in range(30)
    ]


async def test_a_lookup_survives_the_loss_of_its_connection(postgres_url: str) -> None:
    engine = create_async_engine(postgres_url)
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    database = Database(engine, [])
    await recorded(database, signed(), consents=[consent()])
    source = FactsSource(database.connect, clock=lambda: NOW)
    assert decide(asks(), await source.of(asks()), NOW).allowed
    await _others_ended(database)
    facts = await asyncio.gather(*(source.of(asks()) for _ in range(5)), return_exceptions=True)
    assert {type(each) for each in facts} <= {Facts, FactsUnavailable}, "the loss may be noticed by whoever asks first"
    assert decide(asks(), await source.of(asks()), NOW).allowed
    await source.close()
    await engine.dispose()


async def _others_ended(database: Database) -> None:
    """End every other connection to the database, as a restart of the server does."""
    async with database.connect() as connection:
        await connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )


async def test_a_lookup_that_was_cut_short_gives_its_connection_up(postgres_url: str) -> None:
    engine = create_async_engine(postgres_url)
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    database = Database(engine, [])
    await recorded(database, signed(), consents=[consent()])
    source = FactsSource(database.connect, clock=lambda: NOW)
    await source.of(asks())
    async with engine.begin() as connection:  # nobody can read the consents meanwhile
        await connection.execute(text("LOCK TABLE consent_consent IN ACCESS EXCLUSIVE MODE"))
        waiting = asyncio.create_task(source.of(asks()))
        await asyncio.sleep(0.05)
        await source.close()
        with pytest.raises(FactsUnavailable):
            await waiting
    assert decide(asks(), await source.of(asks()), NOW).allowed
    await source.close()
    assert "Current Checked out connections: 0" in engine.pool.status()
    await engine.dispose()


async def test_an_old_count_of_rows_does_not_make_a_lookup_read_whole_tables(sqlite_url: str) -> None:
    engine = create_async_engine(sqlite_url)
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    database = Database(engine, [])
    await recorded(database, signed(), consents=[consent()])
    async with engine.connect() as connection:
        await connection.exec_driver_sql("ANALYZE")  # from now on the planner takes the tables for tiny
        await connection.commit()
        statement, parameters = lookup_statement("sqlite", [f"p{number}" for number in range(64)])
        steps = [
            str(row[-1]) for row in await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        ]
    assert not [step for step in steps if step.startswith("SCAN")], steps
    await engine.dispose()
