"""The planning department looks at the lines to push: a person approves, rejects or comments, and says why.

What was said stays, with who said it and when. A rejected line is kept with the reason and never pushed.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from .errors import StepFailed
from .lines import Wanted, found, wire
from .listing import set_reason, write
from .stage import Stage

DECISIONS = {"approve": "approved", "reject": "rejected"}
WITHHELD = "withheld_by_reviewer"
ALL_LEFT = "SELECT member FROM line WHERE outcome IN ('listed', 'to_verify') AND decision = '' ORDER BY member"


async def approve_all(stage: Stage) -> None:
    """Step `review`: approve every line that nobody has decided on."""
    left = [row["member"] for row in stage.store.rows(ALL_LEFT)]
    now = datetime.now(UTC).isoformat(timespec="seconds")
    with stage.store.change() as connection:
        said = [(member, "approve", stage.settings.officer, "all that were left", now) for member in left]
        connection.executemany("INSERT INTO review (member, action, by, reason, at) VALUES (?, ?, ?, ?, ?)", said)
        connection.executemany("UPDATE line SET decision = 'approved' WHERE member = ?", [(each,) for each in left])
    write(stage)
    decided = stage.store.counts("SELECT decision, count(*) FROM line WHERE decision != '' GROUP BY decision")
    stage.tell(f"{len(left)} approved now by {stage.settings.officer}")
    stage.tell("in all: " + (", ".join(f"{word} {number}" for word, number in decided.items()) or "nothing to review"))


def reviewed(stage: Stage, action: str, member: str, by: str, reason: str) -> None:
    """Approve, reject or comment on one line.

    Raises:
        StepFailed: no such line to review, no reason given, or the line is pushed already.
    """
    reviewed_together(stage, action, [member], by, reason)


def reviewed_together(stage: Stage, action: str, members: Sequence[str], by: str, reason: str) -> None:
    """The same for several lines: all of them, or none.

    Raises:
        StepFailed: as `reviewed`.
    """
    for member in members:
        _check(stage, action, member, reason)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    with stage.store.change() as connection:
        rows = [(member, action, by, reason, now) for member in members]
        connection.executemany("INSERT INTO review (member, action, by, reason, at) VALUES (?, ?, ?, ?, ?)", rows)
        if action in DECISIONS:
            decided = [(DECISIONS[action], member) for member in members]
            connection.executemany("UPDATE line SET decision = ? WHERE member = ?", decided)
    if action in DECISIONS:
        for member in members:
            set_reason(stage, member, WITHHELD, present=action == "reject")
        write(stage)


def lines(stage: Stage, *, waiting: bool = True, after: str = "", limit: int = 100) -> Iterator[dict[str, Any]]:
    """Lines as a reviewer sees them, by id: the evidence, what was said in review, and what counsellors found since."""
    wanted = Wanted(decision="waiting" if waiting else "", after=after, limit=limit)
    for row in found(stage.store, wanted):
        yield wire(stage.store, row)


def _check(stage: Stage, action: str, member: str, reason: str) -> None:
    rows = stage.store.rows("SELECT outcome FROM line WHERE member = ?", member)
    if not rows or rows[0]["outcome"] not in {"listed", "to_verify"}:
        raise StepFailed("there is no line of this id to review; see `registry review list`")
    if not reason.strip():
        raise StepFailed("say why: --reason, or `reason` of the body")
    if action in DECISIONS and stage.store.count("SELECT count(*) FROM handover WHERE member = ?", member):
        raise StepFailed("this line is pushed already; send an update instead")
