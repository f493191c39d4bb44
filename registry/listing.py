"""Step `list`: the rule over the answers, one line per flagged record, and the file that shows it."""

import json
import os
from collections import Counter

from .checks import done
from .errors import StepFailed
from .facts import SOURCE_OF, evidence_about, facts_of
from .member import member_of
from .rule import OUTCOMES, judged
from .stage import Stage
from .store import packed, unpacked


async def draw_up(stage: Stage) -> None:
    """Judge every flagged record once; a line that stands stays."""
    _check_asked(stage)
    settings = stage.settings
    rows: list[tuple[object, ...]] = []
    for row in stage.store.rows("SELECT record, duplicate FROM flagged JOIN member ON id = member ORDER BY id"):
        member = member_of(row)
        facts = facts_of(stage.store, member, duplicate=bool(row["duplicate"]))
        found = judged(facts, settings.day, settings.limits)
        evidence = evidence_about(stage.store, member.id)
        rows.append((member.id, found.outcome, *map(packed, (found.reasons, found.verify, evidence))))
    insert = "INSERT OR IGNORE INTO line (member, outcome, reasons, verify, evidence) VALUES (?, ?, ?, ?, ?)"
    stage.store.put(insert, rows)
    write(stage)
    _tell(stage)


def write(stage: Stage) -> None:
    """`REGISTRY_LIST`: `{id, outcome, reasons}` a line, sorted by id; never half a file."""
    path = stage.settings.list_file
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.new")
    with beside.open("w", encoding="utf-8") as file:
        for row in stage.store.rows("SELECT member, outcome, reasons FROM line ORDER BY member"):
            line = {"id": row["member"], "outcome": row["outcome"], "reasons": sorted(unpacked(row["reasons"]))}
            file.write(json.dumps(line) + "\n")
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def set_reason(stage: Stage, member: str, reason: str, *, present: bool = True) -> None:
    """A reason that arose after the list was drawn up, or one that no longer holds."""
    with stage.store.change() as connection:
        (text,) = connection.execute("SELECT reasons FROM line WHERE member = ?", (member,)).fetchone()
        others = set(unpacked(text)) - {reason}
        reasons = packed(sorted(others | {reason} if present else others))
        connection.execute("UPDATE line SET reasons = ? WHERE member = ?", (reasons, member))


def _check_asked(stage: Stage) -> None:
    if not stage.store.count("SELECT count(*) FROM flagged"):
        raise StepFailed("nobody is flagged yet: run the step extract first")
    missing = [step for step in SOURCE_OF if not done(stage, step)]
    if missing:
        raise StepFailed(f"not everybody was asked yet: run the steps {', '.join(missing)} first")


def _tell(stage: Stage) -> None:
    outcomes = stage.store.counts("SELECT outcome, count(*) FROM line GROUP BY outcome")
    for outcome in OUTCOMES:
        if outcome in outcomes:
            stage.tell(f"{outcomes[outcome]:>6}  {outcome}")
    rows = stage.store.rows("SELECT reasons FROM line WHERE outcome IN ('listed', 'to_verify')")
    reasons = Counter(reason for row in rows for reason in unpacked(row["reasons"]))
    stage.tell(
        f"{len(rows)} potentially unemployed: " + ", ".join(f"{each} {n}" for each, n in sorted(reasons.items()))
    )
