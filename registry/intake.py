"""Steps `load` and `extract`: the registry's own records, and who of them is flagged as not employed."""

import json
from collections.abc import Iterator

from .errors import StepFailed
from .member import NATIONAL, Member, members
from .rule import duplicates
from .settings import Settings
from .stage import Stage
from .store import packed

AT_ONCE = 5000


async def load(stage: Stage) -> None:
    """Take in the registrations; a record that is there already stays as it is."""
    rows: list[tuple[object, ...]] = []
    for member in _read(stage.settings):
        rows.append((member.id, *_columns(member)))
        if len(rows) == AT_ONCE:
            _add(stage, rows)
            rows = []
    _add(stage, rows)
    people = stage.store.count("SELECT count(*) FROM member")
    households = stage.store.count("SELECT count(DISTINCT household) FROM member")
    stage.tell(f"{people} member records in {households} households")


async def extract(stage: Stage) -> None:
    """Flag the members whose employment status counts as not employed, and find records of one person."""
    flagged = [
        (member.id, member.number)
        for member in members(stage.store)
        if member.record["employment_status"] in stage.settings.flagged
    ]
    twice = duplicates(flagged)
    rows = [(member, member in twice) for member, _ in flagged]
    stage.store.put("INSERT OR IGNORE INTO flagged VALUES (?, ?)", rows)
    stage.tell(f"{len(flagged)} flagged as not employed")
    if twice:
        stage.tell(f"{len(twice)} are a second record of the same person: a finding for the data manager")


def _read(settings: Settings) -> Iterator[Member]:
    try:
        with settings.intake.open(encoding="utf-8") as lines:
            for place, line in enumerate(lines, start=1):
                yield _member(line, place)
    except OSError as error:
        raise StepFailed(f"the intake cannot be read: {error.strerror}; set REGISTRY_INTAKE") from error


def _member(line: str, place: int) -> Member:
    try:
        member = Member(json.loads(line))
        if member.number and member.id:
            return member
    except (ValueError, KeyError, TypeError):
        pass
    raise StepFailed(f"line {place} of the intake is no member record with a {NATIONAL} number")


def _columns(member: Member) -> tuple[object, ...]:
    record = member.record
    return (
        record["household_id"],
        member.number,
        record["district"],
        record["employment_status"],
        packed(record),
    )


def _add(stage: Stage, rows: list[tuple[object, ...]]) -> None:
    stage.store.put("INSERT OR IGNORE INTO member VALUES (?, ?, ?, ?, ?, ?)", rows)
