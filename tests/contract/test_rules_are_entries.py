"""Everything that changes the rules is an entry, in the transaction that changes it: each table, on both databases.

A new table fails this test until it is driven here, or named below with the reason why it holds no rule.
"""

import importlib
import pkgutil
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from ssl import DER_cert_to_PEM_cert
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from architecture.checkout import ROOT
from sqlalchemy import MetaData

import gateway
from audit.erasure import held
from consent import Objection
from gateway.edges.mediator.rooms import Store, Topic, Wish
from gateway.events.subscriptions import Subscription
from gateway.people import grants, officers
from gateway.people.officers import SHELL, Officer
from gateway.proposing import Proposing
from gateway.recording import Recording
from gateway.registration import folder
from gateway.review import (
    adapters_changed,
    breach,
    findings,
    sample,
    schedules,
    settings_changed,
    statements,
    subject_access,
)
from gateway.review.rules import Hit, rule_named
from gateway.trust import client_secrets, held_certificates, held_keys, register
from gateway.trust.jwks import checked
from gateway.trust.keys import new_key
from tests.agreeing import EPF, WBB, document
from tests.offices_house import texts
from tests.people_place import wanted_with_reach
from tests.reviewing import CONSUMER, NIC, PROVIDER, House, a_house
from tests.rule_watch import RuleWatch
from tests.small_ca import SmallCa

NO_RULE = {
    "log_head": "the log itself",
    "log_entry": "the log itself",
    "log_node": "the log itself",
    "log_checkpoint": "the log itself",
    "log_key": "the log itself; another key is an entry (log.key_changed)",
    "log_signer": "the log itself",
    "log_shard": "the log itself; its last entry says that it is closed",
    "log_cosignature": "what witnesses signed",
    "log_anchor": "what authorities stamped; each is an entry afterwards",
    "log_witnessed": "what we cosigned of others",
    "log_alarm": "raised against the log itself; clearing it is an entry in its transaction (audit.watching.cleared)",
    "audit_search": "derived from entries",
    "audit_batch": "derived from entries",
    "audit_subject": "derived from entries, and erased with one (audit.erasure)",
    "audit_open": "derived from entries",
    "audit_key": "of details beside entries; destroyed with one (audit.erasure)",
    "audit_detail": "beside entries, which commit to them",
    "job": "work to do",
    "batch": "exchanges: each has two entries of its own",
    "delivery": "exchanges: each has two entries of its own",
    "dci_message": "replay protection",
    "txn": "messages under way: taking and answering one are entries",
    "txn_item": "the parts of such a message",
    "callback": "messages of ours under way",
    "waiting": "exchanges: each has two entries of its own",
    "campaign": "batches of days: each slice is an exchange",
    "campaign_slice": "batches of days: each is an exchange",
    "agency_use": "counters of quotas",
    "agency_minute": "counters of quotas",
    "kept_answer": "sealed copies of answers for some minutes; each exchange has two entries of its own",
    "event": "events under way: each is an entry; and a counter that tells other processes to look again",
    "people_session": "who is signed in; signing in and out are entries",
    "people_account": "passwords of the built-in provider, for laptops",
    "trust_generation": "tells other processes to look again",
    "trust_issued_token": "replay protection",
    "trust_used_nonce": "replay protection",
    "trust_revoked_token": "a client's own token, taken back by itself",
    "trust_method_use": "statistics of how callers proved themselves",
    "trust_key_set": "when published keys are fetched again; the keys are in trust_key",
    "consent_generation": "tells other processes to look again",
    "consent_lessening": "tells other processes to look again",
    "consent_spent": "counters of quotas",
    "consent_swept": "how far a job has come",
    "consent_lived": "how far a job has come",
    "consent_terms": "words that consents and objections point at",
    "unmapped_code": "counters of codes that agencies sent",
    "review_mark": "how far a job has come",
    "review_day": "derived from entries",
    "review_query": "searches that officers keep for themselves; each search is an entry when it is made",
    "consumer_miss": "counters",
    "registration_content": "bytes by their digest; what names them is an entry",
    "registration_count": "counters of what registered adapters answered",
    "registration_generation": "tells other processes to look again",
    "govstack_individual": "a controller's own name for a person: no decision looks at it, and nobody else sees it",
}
OF_OTHERS = {
    "consent_control": "gateway/controlling.py",
    "consent_erasure": "gateway/erasing.py",
    "consent_relationship": "gateway/relating.py",
    "citizen_contest": "gateway/citizen/contests.py",
    "emergency_use": "gateway/oversight/emergencies.py",
    "agreement_notice": "gateway/oversight/notices.py",
    "log_watch": "audit/watching.py",
    "govstack_record": "gateway/edges/govstack/changes.py",
    "govstack_revision": "gateway/edges/govstack/changes.py",
    "mapped_code": "gateway/normalising/unmapped.py",
    "im_service": "gateway/edges/mediator/describing.py",
}
"""Tables that one module changes, whose own tests drive it: here only that it writes entries in its transactions."""

ZONE = ZoneInfo("Asia/Colombo")  # of the country whose profile is served


def tables() -> set[str]:
    """Every table of the product, of whatever package."""
    found: set[str] = set()
    for package in (gateway, importlib.import_module("consent"), importlib.import_module("audit")):
        for each in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if each.name.endswith(".tables"):
                metadata: MetaData = importlib.import_module(each.name).metadata
                found |= set(metadata.tables)
    return found


def holds_rules(table: str) -> bool:
    return table not in NO_RULE and not table.startswith(("batch_", "consent_spent_"))


@pytest.fixture
def watched(tmp_path: Path, database_url: str) -> Callable[[], Any]:
    return lambda: a_house(tmp_path, database_url)


async def test_no_table_of_rules_changes_without_an_entry(watched: Callable[[], Any], tmp_path: Path) -> None:
    async with watched() as house:
        watch = RuleWatch(house.services.db.engine)
        now = house.services.people.clock()
        await _register(house, now, SmallCa(tmp_path))
        await _agreements(house)
        await _people(house, now)
        await _review(house, now)
        await _rooms(house, now)
        await _registered(house, now)
        alone = {table for table in watch.alone if holds_rules(table)}
        assert alone == set()
        driven = {table for table in watch.told if holds_rules(table)}
        assert {table for table in tables() if holds_rules(table)} - driven - set(OF_OTHERS) == set()


async def _register(house: House, now: datetime, ca: SmallCa) -> None:
    here, key = house.services, new_key("ES256")
    async with here.db.write() as connection:
        member = await register.find_member(connection, WBB)
        system = await register.find_system(connection, CONSUMER)
        assert member
        assert system
        await register.change_member(connection, here.log, replace(member, contact="office"), now)
        await register.set_state(connection, here.log, WBB, "suspended", now)
        await register.set_state(connection, here.log, WBB, "active", now)
        await held_keys.add(connection, here.log, CONSUMER, checked({"keys": [dict(key.jwk)]}), now)
        await held_keys.retire(connection, here.log, CONSUMER, key.kid, now)
        policy = replace(system.policy, client_secret=True)
        await register.change_policy(connection, here.log, CONSUMER, policy, now)
        await client_secrets.make(connection, here.log, replace(system, policy=policy), now)
        await held_certificates.add(
            connection, here.log, replace(system, policy=policy), DER_cert_to_PEM_cert(ca.client("sr").der), now
        )
    wanted = Subscription("code", CONSUMER, PROVIDER, "registration", "employment-support.eligibility")
    await here.subscriptions.add([wanted])


async def _agreements(house: House) -> None:
    here = house.services
    recording = Recording(here.db, here.log)
    await house.agreed()
    await house.consented()
    await recording.withdrawal("C1", controller=WBB)
    ref = here.person_ref.case_ref(NIC)
    await recording.objection(Objection("O1", ref), by=WBB)
    await recording.objection_lifted("O1", by=WBB)
    for verb in ("suspend", "resume", "end"):
        await recording.agreement_change(verb, "A1", by=WBB)
    await Proposing(here.db, here.log).propose(document(id="A2"), by=WBB)


async def _registered(house: House, now: datetime) -> None:
    here = house.services.registration
    made = await here.propose(folder.of_texts(texts()), member=EPF, system=PROVIDER, by=SHELL)
    await here.set_inputs(made.adapter, "test", {"EMPLOYMENT_OFFICES_TOKEN": "x"}, by=SHELL)
    await here.plan_outage(made.adapter, now, now + timedelta(hours=1), by=SHELL)


async def _people(house: House, now: datetime) -> None:
    here = house.services

    made = Officer(officers.new_officer_id(), EPF, "Kamal", "https://id.example", "kamal")
    async with here.db.write() as connection:
        await officers.add(connection, here.log, made, by=SHELL, now=now)
        wanted = wanted_with_reach(made.id, "data_manager", EPF, "")
        given = await grants.give(connection, here.log, wanted, here.profile.raw, by=SHELL, now=now)
        await grants.revoke(connection, here.log, made.id, given.id, by=SHELL, now=now)
        await officers.set_state(connection, here.log, made.id, "suspended", by=SHELL, now=now)
    _, desk = await house.officer("nimal", "operator")
    http, token = desk.browser.http, await desk.browser.csrf()
    role = {"role": "data_manager", "member": EPF}
    proposal = {"kind": "role.grant", "subject": made.id, "document": role, "reason": "a test"}
    headers = {"origin": house.origin, "x-csrf-token": token}
    answer = await http.post("/v1/approvals", json=proposal, headers=headers)
    assert answer.status_code == 201, answer.text


async def _review(house: House, now: datetime) -> None:
    here = house.services
    month = statements.month_before(now, ZONE)
    await house.played(3, statements.bounds(month, ZONE)[0])
    await statements.issue(here.db, here.log, here.trust.sign_compact, month, by="x", now=now, zone=ZONE)
    await settings_changed.note_changes(here.db, here.log, {"PRODUCTION": "0"}, now)
    await adapters_changed.note_changes(here.db, here.log, {"tax": {"provider": PROVIDER}}, now)
    criteria = breach.Criteria(agreement="A1")
    found = await breach.scope_of(here.db, here.log, criteria)
    since, until = statements.bounds(month, ZONE)
    rule = rule_named("open_intent")
    async with here.db.write() as connection:
        planned = await sample.plan(connection, here.log, since, until, 2, by="x", now=now)
    async with here.db.write() as connection:
        await findings.opened(connection, here.log, rule, Hit("E1"), now)
        id_ = findings.finding_id(rule.name, "E1")
        await findings.remark(connection, here.log, id_, "seen", by="x", now=now)
        await findings.assign(connection, here.log, id_, "OFF-1", by="x", now=now)
        await schedules.plan(connection, here.log, "usage", "day", by="x", now=now, zone=ZONE)
        await breach.open_case(connection, here.log, criteria, found, by="x", clock=breach.Clock(now, 72, now))
        await subject_access.received(connection, here.log, "r" * 64, by="x", days=30, now=now)
        entry = await connection.run_sync(held, "case-7", "*", "court order", now)
        await here.log.append_in(connection, entry)
    await here.log.checkpoint()
    async with here.db.write() as connection:
        await sample.draw(connection, here.log, planned.id, by="x", now=now + timedelta(seconds=1))


async def _rooms(house: House, now: datetime) -> None:
    here, topic = house.services, Topic(PROVIDER, "newOffice")
    store = Store(here.log, here.trust.seal)
    async with here.db.write() as connection:
        await store.create(connection, topic, {"type": "object"}, now)
    async with here.db.write() as connection:
        await store.subscribe(connection, topic, CONSUMER, Wish("PULL"), now)
    async with here.db.write() as connection:
        assert await store.publish(connection, topic, PROVIDER, {}, now)


@pytest.mark.parametrize("table", sorted(OF_OTHERS))
def test_the_module_that_changes_a_table_of_rules_writes_entries_in_its_transactions(table: str) -> None:
    text = (ROOT / OF_OTHERS[table]).read_text("utf-8")
    assert re.search(r"append(_all)?_in\(|append_with\(", text)
    assert "db.write()" in text or "append_with(" in text


async def test_a_change_without_an_entry_would_be_seen(watched: Callable[[], Any]) -> None:
    async with watched() as house:
        watch = RuleWatch(house.services.db.engine)
        async with house.services.db.write() as connection:
            await connection.exec_driver_sql("UPDATE trust_member SET contact = 'x'")
        assert watch.alone == {"trust_member": 1}
