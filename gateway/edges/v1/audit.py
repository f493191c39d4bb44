"""`/v1/audit/exchanges`, `/v1/audit/events`: what was exchanged and what changed the rules, for those who review it.

Filters stand in the address, but a person's numbers only ever in a body. Every answer costs an entry `evidence.read`.
"""

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Annotated, Any, TypedDict

import orjson
from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response
from pydantic import AwareDatetime, Field, StringConstraints

from audit import Wanted, bundle
from audit.wording import sentence

from ...log_keeper import tsa_certificates
from ...review.protected import committed, erasures
from ...review.replay import Replaying
from ...review.search import Exchange, Filters, events, exchanges, one_exchange, proved, timeline
from ...wiring import Services
from ..body import StrictRoute
from .asking import check_case, check_subject
from .audit_named import nobody_has, of_members
from .deps import services
from .problems import ProblemError
from .reviewing import REFUSED, Acting, Auditor, Reading
from .shapes import Code, Reference, Shape, SubjectIn, Until

router = APIRouter(prefix="/audit", tags=["audit"], route_class=StrictRoute)

Here = Annotated[Services, Depends(services)]
Read = Annotated[Reading, Depends()]
Before = Annotated[str, StringConstraints(pattern=r"^([0-9]{1,9}\.[0-9]{1,18})?$")]
Named = Reference | None
FACTS = ("consumer", "provider", "service", "purpose", "agreement", "outcome")
OWN = ("outcome", "released", "agreement", "agreement_version")
SHOWN = (*FACTS, "agreement_version", "action", "basis", "lines", "case_ref", "officer_ref")
UNENDED = "no_end"
"""As an outcome that is looked for: there is none so far."""
CODE = re.compile(r"[0-9a-f]{32}", re.ASCII)  # of a case, or of an officer
ZIP: dict[int | str, dict[str, Any]] = {200: {"content": {"application/zip": {}}}}


class WantedIn(Shape):
    """The filters of `GET /v1/audit/exchanges`. `system` is on either side of the exchange.

    `system`, `consumer` and `provider` are ids of systems; the id of a member stands for all its systems.

    `outcome` is a code, or `no_end`: how it ended is not recorded so far. A batch is found by each of its agreements,
    and by how any of its lines ended.

    `case` and `officer` (whom the consumer named as asking) are as the consumer wrote them, or the codes that entries
    and findings show.
    """

    system: Named = None
    consumer: Named = None
    provider: Named = None
    service: Code | None = None
    purpose: Code | None = None
    agreement: Named = None
    outcome: Code | None = None
    case: Named = None
    officer: Named = None
    since: AwareDatetime | None = None
    until: Until | None = None
    before: Before = ""
    after: Before = ""
    limit: Annotated[int, Field(ge=1, le=200)] = 50

    def filters(self, here: Services, person_ref: str = "") -> Filters:
        """What is looked for; case and officer as their hashes."""
        facts = [(name, value) for name in FACTS if (value := getattr(self, name))]
        unended = self.outcome == UNENDED
        if unended:
            facts.remove(("outcome", UNENDED))
        facts += [(f"{name}_ref", code) for name, code in self.coded(here).items()]
        window = Wanted(since=self.since, until=self.until, limit=self.limit, **_turned(self))
        return Filters(tuple(facts), self.system or "", person_ref, window, unended=unended)

    def coded(self, here: Services) -> dict[str, str]:
        """`case` and `officer`, as far as they are given, as the log has them: their own words stand nowhere.

        Raises:
            ProblemError: it has the form of a person's number.
        """
        found = {}
        for name, code in (("case", here.person_ref.case_ref), ("officer", here.person_ref.officer_ref)):
            if value := getattr(self, name):
                check_case(value, here.profile, name)
                found[name] = value if CODE.fullmatch(value) else code(value)
        return found


class PersonWantedIn(WantedIn):
    """`POST /v1/audit/exchanges/search`: the same, and a person by the numbers that are known."""

    subject: SubjectIn


@router.get("/exchanges", responses={400: {}, 403: {}})
async def get_exchanges(wanted: Annotated[WantedIn, Query()], who: Auditor, read: Read) -> dict[str, object]:
    """Exchanges, the newest first, one sentence each.

    `next` is the `before` of the page after this one, `previous` the `after` of the one before it. Where nothing was
    found, `unknown` has the filters whose id nobody has here.
    """
    return await _found(wanted.filters(read.here), who, read)


@router.post("/exchanges/search", responses={400: {}, 403: {}})
async def post_search(body: PersonWantedIn, who: Auditor, read: Read) -> dict[str, object]:
    """The same about one person: the identifiers become a keyed pseudonym here and go no further."""
    check_subject(body.subject.value(), read.here.profile)
    return await _found(body.filters(read.here, read.here.person_ref(body.subject.value())), who, read)


async def _found(filters: Filters, who: Auditor, read: Reading) -> dict[str, object]:
    window, page = await page_of(read.here, await of_members(read.here, filters))
    await read.note(who, "search", filters=filters.names, found=len(page))
    unknown = [] if page else await nobody_has(read.here, filters)
    told = {"exchanges": [line(each) for each in page], "unknown": unknown}
    return told | turns(window, [each.place for each in page])


async def page_of(here: Services, filters: Filters) -> tuple[Wanted, list[Exchange]]:
    """A page of exchanges, and where it stands."""
    window = filters.window
    page = await here.log.store.read(partial(exchanges, filters=filters))
    if window.after and len(page) < window.limit:  # back at the top: all of the first page, not its rest alone
        window = replace(window, after=None)
        page = await here.log.store.read(partial(exchanges, filters=replace(filters, window=window)))
    return window, page


@router.get("/exchanges/{exchange_id}", responses=REFUSED)
async def get_exchange(exchange_id: Reference, who: Auditor, read: Read) -> dict[str, object]:
    """One exchange: a sentence, its steps, and whether the log proves each entry (computed for this answer)."""
    log = read.here.log
    found = await log.store.read(lambda connection: one_exchange(connection, exchange_id))
    told = await log.store.read(lambda connection: timeline(connection, found))
    await read.note(who, "exchange", exchange=exchange_id, found=1)
    steps = [
        {
            "number": number,
            "title": each.title,
            "at": each.at.isoformat() if each.at else None,
            "told": str(each.told),
            "phrase": each.told.wire(),
            "entry": each.entry or None,
            "facts": each.facts,
            "result": each.result or None,
            "rules": [said.wire() for said in each.rules],
        }
        for number, each in enumerate(told, 1)
    ]
    proofs = [await proved(log, each) for each in found.entries]
    return (
        line(found)
        | {"timeline": steps, "proofs": proofs, "protected": bool(committed(found))}
        | {"bundle": f"/v1/audit/exchanges/{exchange_id}/bundle"}
    )


@router.get("/exchanges/{exchange_id}/bundle", responses=REFUSED | ZIP, response_class=Response)
async def get_bundle(exchange_id: Reference, who: Auditor, read: Read) -> Response:
    """The evidence bundle: a ZIP that a lawyer reads and `python -m audit verify` checks offline."""
    here = read.here
    found = await here.log.store.read(lambda connection: one_exchange(connection, exchange_id))
    await read.note(who, "bundle", exchange=exchange_id, found=len(found.entries))
    await here.log.checkpoint()
    ids = [each.id for each in found.entries]
    wanted = bundle.Wanted(f"exchange {exchange_id}", ids, here.log.policy, tsa=tsa_certificates(here.settings))
    out = io.BytesIO()
    await here.log.store.read(lambda connection: bundle.written(connection, wanted, out))
    headers = {"content-disposition": f'attachment; filename="exchange-{found.id}.zip"'}
    return Response(out.getvalue(), media_type="application/zip", headers=headers)


@router.get("/exchanges/{exchange_id}/details", responses=REFUSED)
async def get_details(exchange_id: Reference, who: Acting, read: Read) -> dict[str, object]:
    """What the caller wrote into the exchange that may identify somebody (a case), as far as it is not erased.

    `state` is `kept`, `erased` or `never_kept`; `erasures` are the entries of which one erased it.
    """
    here = read.here
    found = await here.log.store.read(lambda connection: one_exchange(connection, exchange_id))
    ids = [each.id for each in found.entries]
    kept = await here.log.store.read(lambda connection: here.details.opened(connection, ids))
    await read.note(who, "details", exchange=exchange_id, found=sum(map(len, kept.values())))
    told = [
        {"entry": str(id_), "name": each.name, "value": orjson.loads(each.value), "salt": each.salt.hex()}
        for id_, details in kept.items()
        for each in details
    ]
    return {"exchange_id": exchange_id, "details": told} | await _fate(found, bool(told), here)


async def _fate(found: Exchange, kept: bool, here: Services) -> dict[str, object]:
    """Whether the details are kept, were erased, or never were there; until when they may be; what erased them."""
    held = committed(found)
    if not held:
        return {"state": "never_kept", "kept_until": None, "erasures": []}
    until = await here.details.until(held[-1])
    if kept:
        return {"state": "kept", "kept_until": until.isoformat(), "erasures": []}
    gone = await here.log.store.read(partial(erasures, since=held[0].at, until=until))
    told = [{"entry": str(each.id), "at": each.at.isoformat(), "kind": each.kind} | _by(each.facts) for each in gone]
    return {"state": "erased", "kept_until": until.isoformat(), "erasures": told}


def _by(facts: Mapping[str, object]) -> dict[str, object]:
    return {name: facts.get(name) for name in ("by", "reason")}


@router.post("/exchanges/{exchange_id}/replay", responses=REFUSED)
async def post_replay(exchange_id: Reference, who: Auditor, read: Read) -> dict[str, object]:
    """Decide it again on the facts as they were: `same`, `different` (worth a finding), or `cannot_tell` and why."""
    here = read.here
    found = await here.log.store.read(lambda connection: one_exchange(connection, exchange_id))
    replayed = await Replaying(here.db, here.gate, here.person_ref).replayed(found)
    await read.note(who, "replay", exchange=exchange_id, found=1)
    return {
        "exchange_id": exchange_id,
        "result": replayed.result,
        "why": replayed.why,
        "logged": replayed.logged.wire() if replayed.logged else None,
        "again": replayed.again.wire() if replayed.again else None,
        "lines": replayed.lines,
        "different_lines": list(replayed.different),
    }


class EventsIn(Shape):
    """The filters of `GET /v1/audit/events`."""

    officer: Named = None
    kind: Code | None = None
    since: AwareDatetime | None = None
    until: Until | None = None
    before: Before = ""
    after: Before = ""
    limit: Annotated[int, Field(ge=1, le=200)] = 50


@router.get("/events", responses={400: {}, 403: {}})
async def get_events(wanted: Annotated[EventsIn, Query()], who: Auditor, read: Read) -> dict[str, object]:
    """Everything that is no exchange: what an officer did, what changed the rules, who read evidence."""
    window = Wanted(since=wanted.since, until=wanted.until, limit=wanted.limit, **_turned(wanted))
    asked = partial(events, by=wanted.officer or "", kind=wanted.kind or "")
    found = await read.here.log.store.read(partial(asked, window=window))
    if window.after and len(found) < window.limit:
        window = replace(window, after=None)
        found = await read.here.log.store.read(partial(asked, window=window))
    used = sorted(wanted.model_fields_set - {"before", "after", "limit"})
    await read.note(who, "events", filters=used, found=len(found))
    told = [
        {
            "entry": str(entry.id),
            "at": entry.at.isoformat(),
            "kind": entry.kind,
            "sentence": sentence(entry),
            "facts": entry.facts,
        }
        for _, entry in found
    ]
    return {"events": told} | turns(window, [each.place for each, _ in found])


class Turned(TypedDict):
    """Where a page begins, of `Wanted`."""

    before: tuple[int, int] | None
    after: tuple[int, int] | None


def _turned(wanted: WantedIn | EventsIn) -> Turned:
    return {"before": place_of(wanted.before), "after": place_of(wanted.after)}


def turns(window: Wanted, places: Sequence[tuple[int, int]]) -> dict[str, object]:
    """The pages beside this one: `next` (older) and `previous` (newer), null where there is none."""
    full = len(places) == window.limit
    older, newer = full or window.after, window.before or (window.after and full)
    return {
        "next": "{}.{}".format(*places[-1]) if older and places else None,
        "previous": "{}.{}".format(*places[0]) if newer and places else None,
    }


def line(found: Exchange) -> dict[str, object]:
    """One line of the list. `own`: of a batch that was found by a person, how it ended for them, line by line."""
    facts, told = (found.outcome or found.intent or found.entries[0]).facts, found.sentence
    own = [{name: each.get(name) for name in OWN if name in each} for each in found.own]
    return {
        "exchange_id": found.id,
        "sentence": str(told),
        "phrase": told.wire(),
        "at": found.entries[0].at.isoformat(),
        "ended_at": found.outcome.at.isoformat() if found.outcome else None,
        "released": list(_texts(facts.get("released"))),
        "agreements": list(_agreements(facts)),
        "outcomes": facts.get("outcomes"),
        "entries": [str(each.id) for each in found.entries],
        "own": own,
    } | {name: facts.get(name) for name in SHOWN}


def _agreements(facts: Mapping[str, object]) -> Iterator[dict[str, object]]:
    """What it was decided by: of a batch, all that its lines rest on (`DSA-1 v2`)."""
    if facts.get("agreement"):
        yield {"id": facts["agreement"], "version": facts.get("agreement_version")}
    for each in _texts(facts.get("agreements")):
        id_, _, version = each.rpartition(" v")
        yield {"id": id_, "version": int(version)} if version.isdecimal() else {"id": each, "version": None}


def place_of(before: str) -> tuple[int, int] | None:
    """The place that a page's `next` names. Raises ProblemError."""
    if not before:
        return None
    log_id, _, seq = before.partition(".")
    if int(seq) >= 2**63 or int(log_id) >= 2**31:
        raise ProblemError(
            "bad_request.query", "Send `before` and `after` as a page gave them in `next` and `previous`."
        )
    return int(log_id), int(seq)


def _texts(value: object) -> Sequence[str]:
    return [str(each) for each in value] if isinstance(value, list) else ()
