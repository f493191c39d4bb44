"""The questions: one batch per source, claims wherever a claim says enough.

The people of a batch and the batch's id are stored before its answers are waited for, so a step that is killed goes
on with the same batch. Nobody is asked about without need: not by a number that is not held, and education and ESS
not about people for whom an earlier outcome is certain already.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

from sandhi_client import Batch, BatchLine, Claim, Problem

from .errors import StepFailed
from .facts import facts_of
from .member import LEARNER_NUMBER, NATIONAL, TAX_NUMBER, Member, member_of
from .rule import Limits, settled
from .stage import Stage
from .store import packed

ELIGIBILITY, REFERRING = "employment-support.eligibility", "employment-support.referral"
LINES = 5000  # people in one batch
EVERY_S, SILENT_S = 3.0, 30.0  # between two lines of progress, with and without any
LONGEST_PAUSE_S = 1.0

Wanted = Callable[[Stage, Member], bool]


@dataclass(frozen=True, slots=True)
class Check:
    """One question about many people.

    Attributes:
        title: what a person reads.
        query: who may be asked about; gives a column `record`.
        wanted: who of them is.
        fields, claim: exactly one; a claim is given the rule's limits.
        numbers, names, birth_date: what leaves about a person, beside the national number.
        current: about today instead of the list date.
        case: our reference, for the log.
    """

    title: str
    service: str
    query: str
    wanted: Wanted = lambda _stage, _member: True
    fields: tuple[str, ...] = ()
    claim: Callable[[Limits], Claim] | None = None
    numbers: tuple[str, ...] = (NATIONAL,)
    names: bool = False
    birth_date: bool = False
    purpose: str = ELIGIBILITY
    current: bool = False
    case: str | None = None


def _holds(kind: str) -> Wanted:
    return lambda _stage, member: kind in member.numbers


def _open(stage: Stage, member: Member) -> bool:
    return not settled(facts_of(stage.store, member), stage.settings.day, stage.settings.limits)


def _open_learner(stage: Stage, member: Member) -> bool:
    return LEARNER_NUMBER in member.numbers and _open(stage, member)


FLAGGED = "SELECT record FROM member JOIN flagged ON member = id WHERE duplicate = 0 ORDER BY id"
PUSHED = "SELECT record FROM member JOIN handover ON member = id WHERE kind = 'referral' AND state = 'sent' ORDER BY id"
CHECKS: dict[str, Check] = {
    "identity": Check(
        "national ID",
        "national_id.identity",
        FLAGGED,
        fields=("confirmed", "birth_date", "death_date"),
        names=True,
    ),
    "civil": Check(
        "civil registration",
        "civil_registration.vital_events",
        FLAGGED,
        fields=("birth_date", "death_date", "death_matched_by"),
        names=True,
        birth_date=True,
    ),
    "pension": Check(
        "the pension fund",
        "pension.contributions",
        FLAGGED,
        claim=lambda limits: Claim("contribution_status", {"months": limits.window_months}),
    ),
    "tax": Check(
        "the tax office",
        "tax.employment",
        FLAGGED,
        _holds(TAX_NUMBER),
        claim=lambda limits: Claim("employment_status", {"months": limits.window_months}),
        numbers=(TAX_NUMBER,),
        names=True,
        birth_date=True,
    ),
    "education": Check(
        "the education register",
        "education.attainment",
        FLAGGED,
        _open_learner,
        claim=lambda _limits: Claim("readiness"),
        numbers=(LEARNER_NUMBER,),
    ),
    "enrolled": Check("employment support", "ess.enrolment", FLAGGED, _open, fields=("enrolled", "status")),
    "sync": Check(
        "employment support",
        "ess.enrolment",
        PUSHED,
        fields=("enrolled", "status"),
        purpose=REFERRING,
        current=True,
    ),
}


def done(stage: Stage, step: str) -> bool:
    """Whether everyone was asked and every answer is stored."""
    states = stage.store.counts("SELECT state, count(*) FROM batch WHERE step = ? GROUP BY state", step)
    return set(states) == {"done"}


async def asked(stage: Stage, step: str, check: Check) -> None:
    """Ask everyone who is to be asked, and store every answer; what is answered already is not asked again.

    Raises:
        StepFailed: the batch could not be finished; run the step again to go on.
        SandhiError: see the client.
    """
    people = _planned(stage, step, check)
    if not people:
        stage.tell(f"nobody to ask {check.title} about")
        return
    parts = stage.store.rows("SELECT part FROM batch WHERE step = ? AND state != 'done' ORDER BY part", step)
    stage.tell(f"asking {check.title} about {people} people" + ("" if parts else ": answered before"))
    for row in parts:
        await _start(stage, step, check, row["part"])
    for row in parts:
        await _finish(stage, step, check, row["part"])
    told = stage.store.counts("SELECT outcome, count(*) FROM answer WHERE step = ? GROUP BY outcome ORDER BY 1", step)
    stage.tell(f"{check.title}: " + ", ".join(f"{outcome} {number}" for outcome, number in told.items()))


def _planned(stage: Stage, step: str, check: Check) -> int:
    """Write down whom to ask, once; gives their number."""
    if not stage.store.count("SELECT count(*) FROM batch WHERE step = ?", step):
        chosen = (member for member in map(member_of, stage.store.rows(check.query)) if check.wanted(stage, member))
        asks: list[tuple[object, ...]] = []
        parts = 0
        while part := list(islice(chosen, LINES)):
            asks += [(step, member.id, parts, place) for place, member in enumerate(part)]
            parts += 1
        with stage.store.change() as connection:
            connection.executemany("INSERT INTO ask VALUES (?, ?, ?, ?)", asks)
            rows = [(step, part, "new") for part in range(parts)] or [(step, 0, "done")]
            connection.executemany("INSERT INTO batch (step, part, state) VALUES (?, ?, ?)", rows)
    return stage.store.count("SELECT count(*) FROM ask WHERE step = ?", step)


async def _start(stage: Stage, step: str, check: Check, part: int) -> None:
    (row,) = stage.store.rows("SELECT state FROM batch WHERE step = ? AND part = ?", step, part)
    if row["state"] != "new":
        return
    of_part = "SELECT line, record FROM ask JOIN member ON id = member WHERE step = ? AND part = ? ORDER BY line"
    lines = [
        (str(each["line"]), member_of(each).subject(check.numbers, names=check.names, birth_date=check.birth_date))
        for each in stage.store.rows(of_part, step, part)
    ]
    started = await stage.client.batch_start(
        service=check.service,
        purpose=check.purpose,
        lines=lines,
        fields=check.fields or None,
        claim=check.claim(stage.settings.limits) if check.claim else None,
        as_at=None if check.current else stage.settings.day,
        case=check.case,
    )
    with stage.store.change() as connection:
        values = (started.id, started.exchange_id, step, part)
        told = "UPDATE batch SET state = 'started', batch_id = ?, exchange_id = ? WHERE step = ? AND part = ?"
        connection.execute(told, values)


async def _finish(stage: Stage, step: str, check: Check, part: int) -> None:
    """Wait for one part and store its lines; a batch that the gateway no longer has is asked for anew, once."""
    for _ in range(2):
        (row,) = stage.store.rows("SELECT * FROM batch WHERE step = ? AND part = ?", step, part)
        state = await _waited(stage, check, row["batch_id"])
        if state == "done":
            await _store(stage, step, check, part)
            return
        with stage.store.change() as connection:
            connection.execute("UPDATE batch SET state = 'new' WHERE step = ? AND part = ?", (step, part))
        await _start(stage, step, check, part)
    raise StepFailed(f"the batch for {check.title} ended as {state} at the gateway, twice; see its log")


async def _waited(stage: Stage, check: Check, batch_id: str) -> str:
    """The state in which the batch ended, with progress on the way.

    Raises:
        StepFailed: nobody more was answered about for a long time.
    """
    moved = shown = time.monotonic()
    done, pause = 0, 0.05
    while True:
        batch = await _looked_up(stage, batch_id)
        if batch is None or batch.state != "running":
            return batch.state if batch else "gone"
        now, answered = time.monotonic(), int(batch.document.get("done", 0))
        if answered != done:
            done, moved = answered, now
        if now - shown > (EVERY_S if now == moved else SILENT_S):
            shown = now
            stage.tell(f"{check.title}: {answered} of {batch.document.get('lines', '?')} answered")
        if now - moved > stage.settings.batch_patience_s:
            raise StepFailed(
                f"the batch for {check.title} has not moved for {stage.settings.batch_patience_s:.0f} s; the gateway "
                "keeps it, so see its log, then run the step again to go on waiting"
            )
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, LONGEST_PAUSE_S)


async def _looked_up(stage: Stage, batch_id: str) -> Batch | None:
    """How far it is; None if the gateway does not have it."""
    try:
        return await stage.client.batch_status(batch_id)
    except Problem as problem:
        if problem.code != "not_found":
            raise
        return None


async def _store(stage: Stage, step: str, check: Check, part: int) -> None:
    (row,) = stage.store.rows("SELECT * FROM batch WHERE step = ? AND part = ?", step, part)
    asks = stage.store.rows("SELECT line, member FROM ask WHERE step = ? AND part = ?", step, part)
    members = {str(each["line"]): each["member"] for each in asks}
    answers = [
        (step, members.pop(line.line), check.service, row["exchange_id"], *_columns(line))
        async for line in stage.client.batch_results(row["batch_id"])
        if line.line in members
    ]
    if members:
        raise StepFailed(f"{len(members)} lines of the batch for {check.title} came back without an answer")
    with stage.store.change() as connection:
        connection.executemany("INSERT OR REPLACE INTO answer VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", answers)
        connection.execute("UPDATE batch SET state = 'done' WHERE step = ? AND part = ?", (step, part))


def _columns(line: BatchLine) -> tuple[object, ...]:
    content = packed(dict(line.claims or line.record))
    as_of = line.as_of.isoformat() if line.as_of else None
    return line.outcome, content, not line.withheld, as_of, line.source_code
