"""Deciding once more what was decided: the facts as they were, the same rules, the same verdict, or a finding.

The question is rebuilt from what the log keeps of it. Two things stand there as keyed hashes only: the case, and the
numbers under which the source was asked. Both are compared with what was recorded of the person; a number that no
consent holds stays a hash, which no consent vouches for either. Of the numbers one may be the person key, which the
rules do not ask about; the log does not say which, so each is tried.
"""

from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

import orjson
from sqlalchemy import Connection, select
from sqlalchemy.ext.asyncio import AsyncConnection

from audit import Entry, subject_pseudonym
from audit.rows import MOST_ROWS
from audit.tables import audit_subject
from consent import Facts, Request, decide
from consent.history import facts_as_of

from ..catalogue import UnknownService
from ..db import Database
from ..delivery.tables import batch_decision
from ..errors import RefusedByRules
from ..gate import Gate
from ..model import Permit
from ..permits import permitted
from ..trust.person import PersonRef
from .errors import ReviewRefused
from .search import Exchange

MOST_LINES = 500
COUNTED = "quota"  # a budget that was spent: counted, not decided (`gateway.spending`)
SAME, DIFFERENT, UNKNOWN = "same", "different", "cannot_tell"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a decision comes to: `agreement` with its version, or empty where it was refused."""

    allowed: bool
    agreement: str = ""
    basis: str = ""
    withheld: tuple[str, ...] = ()

    def wire(self) -> dict[str, object]:
        """As the API shows it."""
        return {
            "allowed": self.allowed,
            "agreement": self.agreement or None,
            "basis": self.basis or None,
            "withheld": list(self.withheld),
        }


@dataclass(frozen=True, slots=True)
class Replayed:
    """`result` is `same`, `different` or `cannot_tell` (with the reason); the log's verdict and the new one."""

    result: str
    why: str
    logged: Verdict | None = None
    again: Verdict | None = None
    reasons: tuple[str, ...] = ()
    lines: int = 1
    different: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A question as it was asked, what was known then, and what the log says of its end."""

    request: Request
    facts: Facts
    at: datetime
    ended: Mapping[str, object]


class Replaying:
    """Replays decisions of one gateway."""

    def __init__(self, db: Database, gate: Gate, person_ref: PersonRef) -> None:
        self._db, self._gate, self._person_ref = db, gate, person_ref

    async def replayed(self, exchange: Exchange) -> Replayed:
        """Decide an exchange again.

        Raises:
            ReviewRefused: it has no outcome yet.
        """
        if not (exchange.intent and exchange.outcome):
            raise ReviewRefused("The exchange has not both entries, so there is nothing to replay.")
        return (await self.replayed_all([exchange]))[exchange.id]

    async def replayed_all(self, exchanges: Sequence[Exchange]) -> dict[str, Replayed]:
        """Decide several again, by their ids; those without both entries are left out."""
        whole = [each for each in exchanges if each.intent and each.outcome]
        intents = {each.intent.id.bytes for each in whole if each.intent}
        async with self._db.read() as connection:
            people = await connection.run_sync(persons_of, intents)
            return {each.id: await self._one(connection, each, people) for each in whole}

    async def _one(self, connection: AsyncConnection, exchange: Exchange, people: Mapping[bytes, str]) -> Replayed:
        assert exchange.intent
        assert exchange.outcome
        intent, outcome = exchange.intent, exchange.outcome
        if "lines" in intent.facts:
            return await self._batch(connection, intent, outcome)
        logged, person = logged_verdict(outcome.facts), people.get(intent.id.bytes)
        if logged is None:
            return Replayed(UNKNOWN, "no decision of the rules was recorded: it was cut off before, or had no link")
        if any(COUNTED in str(each) for each in _reasons(outcome.facts)):
            return Replayed(UNKNOWN, "it was refused for a quota, which is counted and not decided", logged)
        if person is None:
            return Replayed(UNKNOWN, "whom it was about was erased, so the facts cannot be looked up", logged)
        return await self._single(connection, intent, outcome, person)

    async def rebuilt(self, connection: AsyncConnection, exchange: Exchange, person: str) -> Sequence[Rebuilt]:
        """What one exchange about one person may have asked, where it gives what was logged; several are as likely."""
        if not (exchange.intent and exchange.outcome):
            return []
        logged = logged_verdict(exchange.outcome.facts)
        if logged is None or any(COUNTED in str(each) for each in _reasons(exchange.outcome.facts)):
            return []
        asked = self._rebuilt(connection, exchange.intent, exchange.outcome, person)
        fitting = [each async for each in asked if _decided(each.request, each.facts, each.at)[0] == logged]
        numbers = [len(each.request.numbers) for each in fitting]
        if not numbers:
            return []
        named = min(numbers) if self._person_ref.key in fitting[0].request.sent else max(numbers)
        return [each for each in fitting if each.at == fitting[0].at and len(each.request.numbers) == named]

    async def rebuilt_lines(self, connection: AsyncConnection, exchange: Exchange) -> AsyncIterator[Rebuilt]:
        """The same for the lines of a batch, as far as they are kept and give what was logged."""
        if not (exchange.intent and exchange.outcome):
            return
        for row in await _lines(connection, exchange.id):
            if found := await self._line(connection, exchange.intent, exchange.outcome, row):
                yield found

    async def _single(self, connection: AsyncConnection, intent: Entry, outcome: Entry, person: str) -> Replayed:
        logged = logged_verdict(outcome.facts)
        tried: list[tuple[Verdict, tuple[str, ...]]] = []
        async for each in self._rebuilt(connection, intent, outcome, person):
            tried.append(_decided(each.request, each.facts, each.at))
            if tried[-1][0] == logged:
                return Replayed(SAME, "", logged, *tried[-1])
        return Replayed(DIFFERENT, "the same facts give another verdict", logged, *tried[0])

    async def _rebuilt(
        self, connection: AsyncConnection, intent: Entry, outcome: Entry, person: str
    ) -> AsyncIterator[Rebuilt]:
        """What may have been asked, on the facts at the last look and at the first."""
        for at in (outcome.at, intent.at):
            facts = await facts_as_of(connection, self._request(intent, person), at)
            for request in self._questions(intent, person, facts):
                yield Rebuilt(request, facts, at, outcome.facts)

    async def _batch(self, connection: AsyncConnection, intent: Entry, outcome: Entry) -> Replayed:
        """Each line by its decision row; lines refused for a number that is not kept are left out."""
        rows = await _lines(connection, str(outcome.facts["exchange_id"]))
        different = [row.line for row in rows if not await self._same_line(connection, intent, outcome, row)]
        result = DIFFERENT if different else SAME if rows else UNKNOWN
        why = "" if rows else "the lines of the batch are not kept any more"
        return Replayed(result, why, lines=len(rows), different=tuple(different))

    async def _same_line(self, connection: AsyncConnection, intent: Entry, outcome: Entry, row: Any) -> bool:
        decision = _line_facts(row.decision)
        if logged_verdict(decision) is None or await self._line(connection, intent, outcome, row):
            return True
        return any("number" in str(each) for each in _reasons(decision))

    async def _line(self, connection: AsyncConnection, intent: Entry, outcome: Entry, row: Any) -> Rebuilt | None:
        ended = _line_facts(row.decision)
        logged = logged_verdict(ended)
        for at in (outcome.at, intent.at):
            request = self._request(intent, row.person_ref)
            facts = await facts_as_of(connection, request, at)
            numbers = frozenset(each for consent in facts.consents for each in consent.numbers)
            for named in (request, replace(request, numbers=numbers)):
                (found,) = replace(self._gate, clock=partial(_same_moment, at)).permits([named], [facts])
                if logged == _verdict(found):
                    return Rebuilt(named, facts, at, ended)
        return None

    def _questions(self, intent: Entry, person: str, facts: Facts) -> Iterator[Request]:
        """The request with the case and the numbers as far as anything that was recorded tells them."""
        asked = self._request(intent, person)
        if case_ref := intent.facts.get("case_ref"):
            cases = [each.case for each in facts.relationships if each.case]
            known = [each for each in cases if self._person_ref.case_ref(each) == case_ref]
            asked = replace(asked, case=known[0] if known else str(case_ref))
        sent = {str(each) for each in _listed(intent.facts.get("numbers"))}
        held = {number for each in facts.consents for number in each.numbers}
        named = {subject_pseudonym(number, intent.id): number for number in held}
        numbers = frozenset(named.get(each, each) for each in sent)
        yield replace(asked, numbers=numbers)
        for one in sorted(numbers):
            yield replace(asked, numbers=numbers - {one})

    def _request(self, intent: Entry, person: str) -> Request:
        facts = intent.facts
        try:
            sent = self._gate.catalogue.offer(str(facts["service"])).service.sent
        except UnknownService:
            sent = frozenset()
        return Request(
            consumer=str(facts["consumer"]),
            provider=str(facts["provider"]),
            service=str(facts["service"]),
            action=str(facts["action"]),
            purpose=str(facts["purpose"]),
            fields=frozenset(map(str, _listed(facts.get("asked")))),
            subject_ref=person,
            sent=sent,
            case=str(facts["case_ref"]) if facts.get("case_ref") else None,
            emergency=bool(facts.get("emergency")),
        )


def logged_verdict(facts: Mapping[str, object]) -> Verdict | None:
    """The verdict that an outcome entry or a decision row holds; None: it holds none."""
    if facts.get("outcome") == "refused_by_rules":
        return Verdict(allowed=False)
    if not facts.get("agreement"):
        return None
    name = f"{facts['agreement']} v{facts.get('agreement_version')}"
    withheld = tuple(sorted(map(str, _listed(facts.get("withheld")))))
    return Verdict(True, name, str(facts.get("basis")), withheld)


def _same_moment(at: datetime) -> datetime:
    return at


def _decided(request: Request, facts: Facts, at: datetime) -> tuple[Verdict, tuple[str, ...]]:
    try:
        permit = permitted(decide(request, facts, at))
    except RefusedByRules as refusal:
        return Verdict(allowed=False), tuple(refusal.reasons)
    return _verdict(permit), permit.reasons


def _verdict(found: Permit | RefusedByRules) -> Verdict:
    if isinstance(found, RefusedByRules):
        return Verdict(allowed=False)
    withheld = tuple(sorted(f"{each.field}: {each.reason}" for each in found.withheld))
    return Verdict(True, f"{found.agreement} v{found.agreement_version}", found.basis, withheld)


def persons_of(connection: Connection, entry_ids: Collection[bytes]) -> dict[bytes, str]:
    """Whom entries are about, as far as the index still knows."""
    table, ids = audit_subject.c, sorted(entry_ids)
    found: dict[bytes, str] = {}
    for start in range(0, len(ids), MOST_ROWS):
        some = select(table.entry_id, table.subject_ref).where(table.entry_id.in_(ids[start : start + MOST_ROWS]))
        found |= {bytes(row.entry_id): row.subject_ref for row in connection.execute(some)}
    return found


async def _lines(connection: AsyncConnection, exchange_id: str) -> Sequence[Any]:
    table = batch_decision.c
    query = select(batch_decision).where(table.exchange_id == exchange_id).order_by(table.line).limit(MOST_LINES)
    return (await connection.execute(query)).all()


def _line_facts(text: str) -> Mapping[str, object]:
    return dict(orjson.loads(text))


def _reasons(facts: Mapping[str, object]) -> Sequence[object]:
    return _listed(facts.get("reasons"))


def _listed(value: object) -> Sequence[object]:
    return value if isinstance(value, list | tuple) else ()
