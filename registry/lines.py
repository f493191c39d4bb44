"""The lines to review, as people and programs look for them: by what came out, why, where, and what was decided.

A line is known by its member id, and to pages by its number (SQLite's row number): a number says nothing about a
person, so it may stand in an address.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .errors import NotThere, StepFailed
from .progress import ENDS, STANDINGS
from .store import Row, Store, unpacked

OUTCOMES = ("listed", "to_verify")
REFERRALS = ("not_pushed_yet", "new", "sent", "refused", "no_link")  # states of `handover`, and that there is none
DECISIONS = ("waiting", "approved", "rejected")
WORDS: Mapping[str, Sequence[str]] = {
    "outcome": OUTCOMES,
    "decision": DECISIONS,
    "since": ENDS,
    "standing": STANDINGS,
    "referral": REFERRALS,
}
"""Filter -> the words it takes."""
MOST = 1000
LARGEST = 2**63 - 1  # row number of SQLite
FINDINGS = "SELECT record FROM event WHERE name = 'finding' AND member = ? ORDER BY day, rowid"  # the last one counts
LINES = (
    "FROM line LEFT JOIN member ON member.id = line.member LEFT JOIN ended ON ended.member = line.member "
    "WHERE outcome IN ('listed', 'to_verify') "
)
SELECT = (
    "SELECT line.rowid AS number, line.*, member.household, member.district, member.record, ended.why AS ended " + LINES
)
MATCHING = (
    "AND (:outcome = '' OR outcome = :outcome) AND (:district = '' OR district = :district) "
    "AND (:decision = '' OR decision = :decided) "
    "AND (:reason = '' OR EXISTS (SELECT 1 FROM json_each(line.reasons) WHERE value = :reason)) "
    "AND (:referral = '' OR :referral = coalesce((SELECT handover.state FROM handover "
    "WHERE handover.member = line.member AND handover.kind = 'referral'), 'not_pushed_yet')) "
    "AND (:since = '' OR ended.why = :since) "
    "AND (:standing = '' OR EXISTS "
    "(SELECT 1 FROM standing WHERE standing.member = line.member AND standing.state = :standing)) "
)
FOUND = SELECT + MATCHING + "AND line.member > :after ORDER BY line.member LIMIT :limit"
COUNT = "SELECT count(*) " + LINES + MATCHING
BY_DECISION = (
    "SELECT CASE line.decision WHEN '' THEN 'waiting' ELSE line.decision END, count(*) "
    + LINES
    + MATCHING
    + "GROUP BY 1"
)
OF_MEMBER = "SELECT line.rowid AS number " + LINES + "AND line.member = ? COLLATE NOCASE"
REASONS = (
    "SELECT DISTINCT value FROM line, json_each(line.reasons) WHERE outcome IN ('listed', 'to_verify') ORDER BY value"
)
DISTRICTS = (
    "SELECT DISTINCT district FROM line JOIN member ON member.id = line.member "
    "WHERE outcome IN ('listed', 'to_verify') ORDER BY district"
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for; an empty filter takes everything. `after` is a member id, `limit` 1 to `MOST`.

    `since` is what ended the eligibility of the person since the list date, one of `ENDS`; `standing` is what
    employment support said last about who was pushed, one of `STANDINGS`; of the dead only that it said nothing.
    `referral` is how far the push came, one of `REFERRALS`.
    """

    outcome: str = ""
    reason: str = ""
    district: str = ""
    decision: str = ""
    since: str = ""
    standing: str = ""
    referral: str = ""
    after: str = ""
    limit: int = 100


def found(store: Store, wanted: Wanted) -> list[Row]:
    """The lines that match, with `number` and the columns of their members, by member id.

    Raises:
        StepFailed: an outcome, a decision, an end, a standing or a state of a referral that does not exist.
    """
    return store.named_rows(FOUND, _values(wanted))


def count(store: Store, wanted: Wanted) -> int:
    """How many lines match, wherever the page begins. Raises StepFailed as `found`."""
    (row,) = store.named_rows(COUNT, _values(wanted))
    return int(row[0])


def decisions(store: Store, wanted: Wanted) -> dict[str, int]:
    """Decision -> how many lines, of those that match but for their decision. Raises StepFailed as `found`."""
    rows = store.named_rows(BY_DECISION, _values(replace(wanted, decision="")))
    told = {str(word): int(number) for word, number in rows}
    return {each: told.get(each, 0) for each in DECISIONS}


def everything(store: Store, wanted: Wanted) -> Iterator[Row]:
    """All lines that match, however many. Raises StepFailed as `found`."""
    following = replace(wanted, after="", limit=MOST)
    while rows := found(store, following):
        yield from rows
        following = replace(following, after=rows[-1]["member"])


def number_of(store: Store, member: str) -> int:
    """The number of a member's line.

    Raises:
        NotThere: the member has none to review.
    """
    rows = store.rows(OF_MEMBER, member)
    if not rows:
        raise NotThere("No line to review has this member id.")
    return int(rows[0]["number"])


def choices(store: Store) -> tuple[list[str], list[str]]:
    """(reasons, districts) that occur among the lines to review."""
    return [row[0] for row in store.rows(REASONS)], [row[0] for row in store.rows(DISTRICTS)]


def numbered(store: Store, number: int) -> Row:
    """One line, with its member's record.

    Raises:
        NotThere: there is none of this number to review.
    """
    rows = store.rows(SELECT + "AND line.rowid = ?", number) if number <= LARGEST else []
    if not rows:
        raise NotThere("There is no such line to review.")
    return rows[0]


def wire(store: Store, row: Row) -> dict[str, Any]:
    """A line as a reviewer sees it: the evidence, what was said in review, and what counsellors found since."""
    return {
        "id": row["member"],
        "outcome": row["outcome"],
        "reasons": unpacked(row["reasons"]),
        "verify": unpacked(row["verify"]),
        "evidence": unpacked(row["evidence"]),
        "decision": row["decision"],
        "ended": row["ended"] or "",
        "said": [
            {name: each[name] for name in ("action", "by", "reason", "at")} for each in said(store, row["member"])
        ],
        "findings": [unpacked(each["record"]) for each in store.rows(FINDINGS, row["member"])],
    }


def said(store: Store, member: str) -> list[Row]:
    """What was said in review about a line, oldest first."""
    return store.rows("SELECT id, action, by, reason, at FROM review WHERE member = ? ORDER BY id", member)


def id_of(store: Store, number: int) -> str:
    """The member id of a line's number; empty if there is none."""
    rows = store.rows("SELECT member FROM line WHERE rowid = ?", number)
    return str(rows[0]["member"]) if rows else ""


def _values(wanted: Wanted) -> dict[str, object]:
    for name, words in WORDS.items():
        if getattr(wanted, name) not in {"", *words}:
            raise StepFailed(f"{name} is one of {', '.join(words)}")
    decided = "" if wanted.decision == "waiting" else wanted.decision
    return {
        "outcome": wanted.outcome,
        "reason": wanted.reason,
        "district": wanted.district,
        "decision": wanted.decision,
        "decided": decided,
        "since": wanted.since,
        "standing": wanted.standing,
        "referral": wanted.referral,
        "after": wanted.after,
        "limit": min(max(wanted.limit, 1), MOST),
    }
