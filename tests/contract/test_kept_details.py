"""A case in clear is never in the log, can be shown and proved while it is kept, and is gone afterwards."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from audit import Entry, LogUnavailable, Wanted, bundle, bundle_check
from audit.details import FACT, commitments, exchange, person
from audit.erasure import erase, held
from audit.errors import Held
from gateway.db import Database
from gateway.errors import NoEvidence
from gateway.gate import Gate
from gateway.kept_details import KeptDetails, vault_of
from gateway.model import Ask, Closing, Permit
from tests.durable_house import CONSUMER, House, a_house, subject

CASE = "Household of K. Perera, Galle 7"
ASK = Ask(CONSUMER, "fund.status", "p", subject("199012300007"), date(2026, 10, 31), frozenset({"a"}), case=CASE)
PERMIT = Permit(frozenset({"a"}), ("allow agreement A1 v1",), agreement="A1", agreement_version=1, basis="b")
DAY = timedelta(days=1)


@pytest.fixture
async def house(database_url: str, tmp_path: Path) -> AsyncIterator[House]:
    async with a_house(database_url, tmp_path) as opened:
        yield opened


@pytest.fixture
def kept(house: House) -> KeptDetails:
    return KeptDetails(house.db, house.log, vault_of(b"p" * 32), 30 * DAY)


@pytest.fixture
def gate(house: House, kept: KeptDetails) -> Gate:
    return replace(house.gate, keep=kept)


async def an_exchange(house: House, gate: Gate, ask: Ask = ASK) -> Entry:
    opened = await gate.opened(ask)
    await gate.closed(opened, ask, Closing("answered", frozenset({"a"}), PERMIT, PERMIT.reasons))
    found = await house.log.search(Wanted(facts=(("exchange_id", opened.exchange_id),), kind="exchange.outcome"))
    (logged,) = await house.log.find([found[0].entry_id])
    return logged.entry


async def shown(house: House, kept: KeptDetails, entry: Entry) -> list[str]:
    details = await house.log.store.read(lambda connection: kept.opened(connection, [entry.id]))
    return [each.value.decode() for each in details.get(entry.id, ())]


async def everything(db: Database) -> str:
    async with db.read() as connection:
        tables = ("log_entry", "audit_detail", "audit_key", "audit_search", "audit_subject", "audit_open")
        return repr([(await connection.execute(text(f"SELECT * FROM {each}"))).all() for each in tables])


async def test_case_is_nowhere_in_clear_and_can_be_shown_and_proved(
    house: House, gate: Gate, kept: KeptDetails, tmp_path: Path
) -> None:
    entry = await an_exchange(house, gate)
    assert "Perera" not in await everything(house.db)
    assert await shown(house, kept, entry) == [f'"{CASE}"']
    await house.log.checkpoint()

    def written(connection) -> None:
        wanted = bundle.Wanted("x", [entry.id], disclosed=kept.opened(connection, [entry.id]))
        with (tmp_path / "evidence.zip").open("wb") as out:
            bundle.written(connection, wanted, out)

    await house.log.store.read(written)
    assert bundle_check.checked(tmp_path / "evidence.zip").findings == ()
    assert CASE in (tmp_path / "evidence.zip").read_bytes().decode("utf-8", "replace")


async def test_exchange_without_a_case_keeps_nothing(house: House, gate: Gate) -> None:
    entry = await an_exchange(house, gate, replace(ASK, case=None))
    assert FACT not in entry.facts
    async with house.db.read() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM audit_key"))).scalar_one() == 0


@pytest.mark.parametrize("of", ["exchange", "person"])
async def test_erased_case_cannot_be_shown_and_the_proof_still_holds(
    house: House, gate: Gate, kept: KeptDetails, of: str
) -> None:
    entry, other = await an_exchange(house, gate), await an_exchange(house, gate)
    ref = house.gate.person_ref(ASK.subject)
    scope = exchange(str(entry.facts["exchange_id"])) if of == "exchange" else person(ref)
    async with house.db.write() as connection:
        certificate = await erase(connection, house.log, scope, by="o", reason="asked for", now=house.clock[0])
    assert certificate.erased.keys == (1 if of == "exchange" else 2)
    assert await shown(house, kept, entry) == []
    assert len(await shown(house, kept, other)) == (1 if of == "exchange" else 0)
    await house.log.proof(entry.id)
    assert entry.facts[FACT] != commitments([])


async def test_what_was_kept_long_enough_expires_unless_a_hold_stands(
    house: House, gate: Gate, kept: KeptDetails
) -> None:
    entry, held_one = await an_exchange(house, gate), await an_exchange(house, gate)
    async with house.db.write() as connection:
        scope = exchange(str(held_one.facts["exchange_id"]))
        await house.log.append_in(
            connection, await connection.run_sync(held, "case-1", scope, "court order", house.clock[0])
        )
    assert (await kept.expire(house.clock[0] + 29 * DAY)).keys == 0
    assert (await kept.expire(house.clock[0] + 29 * DAY, named={"A1": "40"}, default=DAY)).keys == 0
    done = await kept.expire(house.clock[0] + 31 * DAY)
    assert (done.keys, done.held) == (1, 1)
    assert (await shown(house, kept, entry), len(await shown(house, kept, held_one))) == ([], 1)
    (told,) = await house.log.search(Wanted(kind="details.expired"))
    (logged,) = await house.log.find([told.entry_id])
    assert logged.entry.facts["keys"] == 1
    with pytest.raises(Held):
        async with house.db.write() as connection:
            await erase(connection, house.log, scope, by="o", reason="r", now=house.clock[0])


async def test_details_that_cannot_be_kept_release_nothing(house: House, gate: Gate, kept: KeptDetails) -> None:
    opened = await gate.opened(ASK)

    async def full(_entry: Entry, _words: object) -> object:
        raise LogUnavailable("the log's database refused the entry; try again")

    with pytest.raises(NoEvidence):
        await replace(gate, keep=full).closed(opened, ASK, Closing("answered", frozenset({"a"}), PERMIT))
    assert len(await house.log.open_intents()) == 1
