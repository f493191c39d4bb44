"""The numbers that a question discloses are those that the decision and the intent are about, no more and no less."""

from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import audit.tables
from adapters.kit.contract import Identifier, Service, Subject
from audit import FileMemory, Log, Signer, subject_pseudonym
from consent import FactsSource
from gateway.catalogue import Catalogue, Offer
from gateway.db import Database
from gateway.gate import Gate
from gateway.model import Ask
from gateway.profile import load_profile
from gateway.trust.person import PersonRef

REF = PersonRef(load_profile("lk").raw, b"p" * 32)
KEY, TAX, LEARNER = Identifier("NIC", "199012304567"), Identifier("TIN", "AB123456C"), Identifier("LEARNER", "1" * 11)


@pytest.fixture
async def gate(tmp_path: Path) -> AsyncIterator[Gate]:
    """A gate whose one service discloses the person key and the tax number."""
    db = Database(f"sqlite+aiosqlite:///{tmp_path}/gate.db")
    async with db.write() as connection:
        await connection.run_sync(audit.tables.metadata.create_all)
    signer = Signer("test/log", Ed25519PrivateKey.generate(), FileMemory(tmp_path / "signed"))
    log = await Log.open(db.engine, signer, write_lock=db.write_lock, allow_unsafe=True)
    read, sent = frozenset({"read"}), frozenset({"NIC", "TIN", "names"})
    service = Service("tax.employment", read, ("TIN",), sent, frozenset({"a"}), frozenset(), "", "personal")
    facts = FactsSource(db.read)
    yield Gate(Catalogue([Offer(service, "LK/GOV/IRD/PAYE", None)]), facts.of, facts.of_many, log, REF)
    await log.close()
    await db.close()


def asked(*identifiers: Identifier) -> Ask:
    day = date(2026, 10, 31)
    return Ask("LK/GOV/WBB/SRIS", "tax.employment", "p", Subject(identifiers), day, frozenset({"a"}))


def test_a_decision_is_about_the_disclosed_numbers_beside_the_person_key(gate: Gate) -> None:
    assert gate.request(asked(KEY, TAX, LEARNER)).numbers == {REF.number_ref(TAX)}
    assert gate.request(asked(KEY)).numbers == frozenset()
    assert gate.request(asked(TAX)).numbers == {REF.number_ref(TAX)}


def test_the_intent_commits_to_all_disclosed_numbers_under_pseudonyms_of_its_own(gate: Gate) -> None:
    entries = [gate.intent(asked(KEY, TAX, LEARNER))[1] for _ in range(2)]
    expected = [{subject_pseudonym(REF.number_ref(each), entry.id) for each in (KEY, TAX)} for entry in entries]
    assert [entry.facts["numbers"] for entry in entries] == [sorted(each) for each in expected]
    assert expected[0].isdisjoint(expected[1])
