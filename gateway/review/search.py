"""Finding exchanges, and one exchange whole: its entries, what stands beside them, whether the log proves them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Connection, Select, asc, desc, select, tuple_

from audit import Entry, Found, Log, NotInLog, Wanted
from audit.entry import INTENT, OUTCOME
from audit.lookup import open_intents, search
from audit.note import Verifier
from audit.proofs import Proof
from audit.rows import MOST_ROWS
from audit.tables import NO_EXCHANGE, SAME_PLACE, audit_search, log_entry, log_key
from audit.writing import microseconds, time_of
from consent.phrase import Phrase

from ..delivery.tables import batch_decision, delivery
from .errors import NothingFound
from .sentences import Step, delivered, one_sentence, own_sentence, steps

AT_ONCE = 500
"""Lines looked through at a time for what one officer did: only their bodies say who."""
SIDES = ("consumer", "provider")
Facts = tuple[tuple[str, str], ...]
OF_OUTCOMES = frozenset({"agreement", "outcome"})
"""Facts that only outcomes have; everything else is asked of intents, so that open exchanges are found too."""


@dataclass(frozen=True, slots=True)
class Filters:
    """What exchanges are wanted. `system` is either side; `person_ref` the keyed pseudonym of a person.

    A batch is found by each of its agreements, and by how any of its lines ended.

    `any_of`: facts that a line has as well, all of at least one of these; each is looked for by itself, so by its
    index. None: no such condition. Empty: nothing is wanted. `unended`: only those without an outcome so far.
    """

    facts: Facts = ()
    system: str = ""
    person_ref: str = ""
    window: Wanted = field(default_factory=Wanted)
    any_of: tuple[Facts, ...] | None = None
    unended: bool = False

    @property
    def names(self) -> list[str]:
        """Which filters are used, for the entry; never their values."""
        used = [name for name, _ in self.facts]
        used += [name for name in ("system", "person_ref", "unended") if getattr(self, name)]
        return sorted(used + [name for name in ("since", "until") if getattr(self.window, name)])


@dataclass(frozen=True, slots=True)
class Exchange:
    """One exchange by its entries; `place` of the entry that was found is where the next page begins.

    `own`: of a batch, what its lines about the person were decided who was asked for.
    """

    id: str
    place: tuple[int, int]
    intent: Entry | None
    outcome: Entry | None
    later: tuple[Entry, ...] = ()
    own: tuple[Mapping[str, Any], ...] = ()

    @property
    def sentence(self) -> Phrase:
        """What it was, in one sentence; of a batch that was found by a person, how it ended for the person."""
        if self.own:
            return own_sentence(self.entries[0], self.own)
        return one_sentence(self.intent, self.outcome)

    @property
    def entries(self) -> list[Entry]:
        """All of them, in order."""
        return [each for each in (self.intent, self.outcome, *self.later) if each]


def exchanges(connection: Connection, filters: Filters) -> list[Exchange]:
    """One page, newest first; each exchange once."""
    if filters.unended:
        filters = _unended(connection, filters)
    asked = {name for facts in (filters.facts, *(filters.any_of or ())) for name, _ in facts}
    kind = OUTCOME if OF_OUTCOMES & asked else INTENT
    wanted = replace(filters.window, facts=filters.facts, kind=kind)
    found = {each.place: each for each in _of_either_side(connection, filters, wanted)}
    own = _own_lines(connection, filters) if filters.person_ref else {}
    found |= {each.place: each for each in _in_batches(connection, filters, wanted, own)}
    lines = sorted(found.values(), key=wanted.order, reverse=True)
    page = _whole(connection, lines[-wanted.limit :] if wanted.after else lines[: wanted.limit])
    return [replace(each, own=tuple(own.get(each.id, ()))) for each in page]


def _unended(connection: Connection, filters: Filters) -> Filters:
    """The same, of every exchange that is open by itself: they are few, and no column of the index says it."""
    either: Iterable[Facts] = [((side, filters.system),) for side in SIDES] if filters.system else [()]
    ids = [each.exchange_id for each in open_intents(connection, None)]
    ways = either if filters.any_of is None else filters.any_of
    any_of = tuple((("exchange_id", each), *way) for each in ids for way in ways)
    return replace(filters, any_of=any_of)


def one_exchange(connection: Connection, exchange_id: str) -> Exchange:
    """One exchange with every entry of it. Raises NothingFound."""
    found = _whole(connection, search(connection, Wanted((("exchange_id", exchange_id),), limit=1)))
    if not found:
        raise NothingFound("exchange")
    return found[0]


def timeline(connection: Connection, exchange: Exchange) -> list[Step]:
    """Its steps, with the state of its delivery where it was one."""
    table = delivery.c
    row = connection.execute(select(delivery).where(table.id == exchange.id)).first()
    told = list(steps(exchange.intent, exchange.outcome, exchange.later))
    if row:
        state = delivered(row.state, row.receiver_state)
        told.append(Step("Delivery", None, state, "", {"numbered": bool(row.reference), "receipt": row.receipt}))
    return told


async def proved(log: Log, entry: Entry) -> dict[str, object]:
    """Whether the log proves this entry, computed now from its stored bytes, and who signed the checkpoint.

    Raises:
        LogUnavailable: the log cannot be read.
    """
    try:
        proof = Proof.from_text(await log.proof(entry.id))
    except NotInLog:
        return {"entry": str(entry.id), "proved": False}
    body = await log.store.read(lambda connection: stored(connection, entry.id))
    checkpoint = proof.verify(body, await log.store.read(_verifiers))
    signers = sorted({line.split()[1] for line in proof.checkpoint.decode().splitlines() if line.startswith("— ")})
    place = {"log": checkpoint.origin, "index": proof.index, "size": checkpoint.size}
    return {"entry": str(entry.id), "proved": True, "signed_by": signers, "at": f"/log/proof/{entry.id}"} | place


def stored(connection: Connection, entry_id: UUID) -> bytes:
    """The exact bytes of an entry. Raises NothingFound."""
    body = connection.execute(select(log_entry.c.body).where(log_entry.c.entry_id == entry_id.bytes)).scalar()
    if body is None:
        raise NothingFound("entry")
    return bytes(body)


def _verifiers(connection: Connection) -> list[Verifier]:
    return [Verifier.from_vkey(each) for each in connection.execute(select(log_key.c.vkey)).scalars()]


def events(connection: Connection, window: Wanted, *, by: str = "", kind: str = "") -> list[tuple[Found, Entry]]:
    """Entries that are no exchanges, newest first: what officers did, what changed the rules."""
    found: list[tuple[Found, Entry]] = []
    page = replace(window, kind=kind or None, limit=AT_ONCE if by else window.limit)
    while len(found) < window.limit and (lines := _other(connection, page)):
        bodies = _entries(connection, [each.entry_id for each in lines])
        told = [
            (each, bodies[each.entry_id]) for each in lines if not by or bodies[each.entry_id].facts.get("by") == by
        ]
        found = told + found if window.after else found + told
        page = replace(page, after=lines[0].place) if window.after else replace(page, before=lines[-1].place)
    return found[-window.limit :] if window.after else found[: window.limit]


def _other(connection: Connection, page: Wanted) -> list[Found]:
    """The next lines of the search that are no exchanges; pages of exchanges alone are passed over in the database."""
    if page.kind in {INTENT, OUTCOME}:
        return search(connection, page)
    table = audit_search.c
    query = select(table.log_id, table.seq, table.entry_id, table.ts, table.kind).where(NO_EXCHANGE)
    query = query.where(table.kind == page.kind) if page.kind else query
    return _listed(connection, query, page)


def _listed(connection: Connection, query: Select[Any], page: Wanted) -> list[Found]:
    table = audit_search.c
    if page.since:
        query = query.where(table.ts >= microseconds(page.since))
    if page.until:
        query = query.where(table.ts < microseconds(page.until))
    place = tuple_(table.log_id, table.seq)
    if page.after:
        query = query.where(place > tuple_(*page.after))
    elif page.before:
        query = query.where(place < tuple_(*page.before))
    order = asc if page.after else desc
    rows = connection.execute(query.order_by(order(table.log_id), order(table.seq)).limit(page.limit))
    found = [Found(row.log_id, row.seq, UUID(bytes=bytes(row.entry_id)), time_of(row.ts), row.kind, {}) for row in rows]
    return found[::-1] if page.after else found


def _of_either_side(connection: Connection, filters: Filters, wanted: Wanted) -> Iterable[Found]:
    wanted = replace(wanted, subject_ref=filters.person_ref or None)
    if filters.any_of is not None:
        return [each for one in filters.any_of for each in search(connection, _and(wanted, one))]
    if not filters.system:
        return search(connection, wanted)
    return [each for side in SIDES for each in search(connection, _and(wanted, ((side, filters.system),)))]


def _and(wanted: Wanted, facts: Iterable[tuple[str, str]]) -> Wanted:
    return replace(wanted, facts=(*wanted.facts, *facts))


def _own_lines(connection: Connection, filters: Filters) -> dict[str, list[Mapping[str, Any]]]:
    """Batch -> what its lines about the person were decided, of those that are as the filters have it.

    An outcome or an agreement is one of the person's own line: that others of the batch had it says nothing of them.
    """
    table, found = batch_decision.c, dict[str, list[Mapping[str, Any]]]()
    query = select(table.exchange_id, table.decision).where(table.person_ref == filters.person_ref)
    wanted = [(name, text) for name, text in filters.facts if name in OF_OUTCOMES]
    for exchange_id, decision in connection.execute(query.order_by(table.exchange_id, table.line)):
        line = orjson.loads(decision)
        if all(str(line.get(name, "")) == text for name, text in wanted):
            found.setdefault(exchange_id, []).append(line)
    return found


def _in_batches(connection: Connection, filters: Filters, wanted: Wanted, own: Mapping[str, object]) -> Iterable[Found]:
    """Exchanges about many people, one of whom is this one: the index does not name them one by one."""
    ids = set(own)
    if filters.unended:
        ids &= {facts[0][1] for facts in filters.any_of or ()}
    for exchange_id in ids:
        for each in search(connection, _and(wanted, (("exchange_id", exchange_id),))):
            if filters.system in {"", *map(each.facts.get, SIDES)} and _any(filters.any_of, each):
                yield each


def _any(ways: tuple[Facts, ...] | None, found: Found) -> bool:
    return ways is None or any(set(way) <= set(found.facts.items()) for way in ways)


def _whole(connection: Connection, page: Sequence[Found]) -> list[Exchange]:
    ids = [each.facts["exchange_id"] for each in page]
    entries: dict[str, list[Entry]] = {}
    for part in (ids[at : at + MOST_ROWS] for at in range(0, len(ids), MOST_ROWS)):
        query = select(audit_search.c.exchange_id, log_entry.c.body).join(log_entry, SAME_PLACE)
        query = query.where(audit_search.c.exchange_id.in_(part)).order_by(audit_search.c.log_id, audit_search.c.seq)
        for exchange_id, body in connection.execute(query):
            entries.setdefault(exchange_id, []).append(Entry.from_body(bytes(body)))
    return [_exchange(each, entries.get(each.facts["exchange_id"], [])) for each in page]


def _exchange(found: Found, entries: Sequence[Entry]) -> Exchange:
    intent = next((each for each in entries if each.kind == INTENT), None)
    outcome = next((each for each in entries if each.kind == OUTCOME), None)
    later = tuple(each for each in entries if each.kind not in {INTENT, OUTCOME})
    return Exchange(found.facts["exchange_id"], found.place, intent, outcome, later)


def _entries(connection: Connection, ids: Sequence[UUID]) -> Mapping[UUID, Entry]:
    keys, found = [each.bytes for each in ids], {}
    for part in (keys[at : at + MOST_ROWS] for at in range(0, len(keys), MOST_ROWS)):
        for (body,) in connection.execute(select(log_entry.c.body).where(log_entry.c.entry_id.in_(part))):
            entry = Entry.from_body(bytes(body))
            found[entry.id] = entry
    return found
