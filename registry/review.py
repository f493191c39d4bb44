"""The planning department looks at the lines to push: a person approves, rejects or comments, and says why.

What was said stays, with who said it and when. A rejected line is kept with the reason and never pushed.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from .errors import StepFailed
from .listing import set_reason, write
from .stage import Stage
from .store import unpacked

DECISIONS = {"approve": "approved", "reject": "rejected"}
WITHHELD = "withheld_by_reviewer"
FINDINGS = "SELECT record FROM event WHERE name = 'finding' AND member = ? ORDER BY day"
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
    rows = stage.store.rows("SELECT outcome FROM line WHERE member = ?", member)
    if not rows or rows[0]["outcome"] not in {"listed", "to_verify"}:
        raise StepFailed("there is no line of this id to review; see `registry review list`")
    if not reason.strip():
        raise StepFailed("say why, with --reason")
    if action in DECISIONS and stage.store.count("SELECT count(*) FROM handover WHERE member = ?", member):
        raise StepFailed("this line is pushed already; send an update instead")
    now = datetime.now(UTC).isoformat(timespec="seconds")
    with stage.store.change() as connection:
        row = (member, action, by, reason, now)
        connection.execute("INSERT INTO review (member, action, by, reason, at) VALUES (?, ?, ?, ?, ?)", row)
        if action in DECISIONS:
            connection.execute("UPDATE line SET decision = ? WHERE member = ?", (DECISIONS[action], member))
    if action in DECISIONS:
        set_reason(stage, member, WITHHELD, present=action == "reject")
        write(stage)


def lines(stage: Stage, *, waiting: bool = True, after: str = "", limit: int = 100) -> Iterator[dict[str, Any]]:
    """Lines as a reviewer sees them, by id: the evidence, what was said in review, and what counsellors found since."""
    rows = stage.store.rows(
        "SELECT * FROM line WHERE outcome IN ('listed', 'to_verify') AND member > ? AND (decision = '' OR NOT ?) "
        "ORDER BY member LIMIT ?",
        after,
        waiting,
        limit,
    )
    for row in rows:
        said = stage.store.rows("SELECT action, by, reason, at FROM review WHERE member = ? ORDER BY id", row["member"])
        yield {
            "id": row["member"],
            "outcome": row["outcome"],
            "reasons": unpacked(row["reasons"]),
            "verify": unpacked(row["verify"]),
            "evidence": unpacked(row["evidence"]),
            "decision": row["decision"],
            "said": [dict(each) for each in said],
            "findings": [unpacked(each["record"]) for each in stage.store.rows(FINDINGS, row["member"])],
        }
