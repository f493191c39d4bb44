"""Step `control` (C): every number of the run accounted for, released and signed by a person.

The report is an equation system. What does not add up is not explained away: each violated equation, each line or
event that belongs nowhere, counts as one unexplained difference.
"""

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from .errors import StepFailed
from .progress import ENROLLED, died, enrolled, households, standing, synced
from .push import NO_BASIS, NO_LINK, pushed
from .review import WITHHELD
from .rule import OUTCOMES
from .stage import Stage
from .store import Store, unpacked

LINES = "SELECT member, outcome, reasons, decision FROM line"
STRAYS = (
    "SELECT count(*) FROM event WHERE name != 'vital-event' AND (member IS NULL OR member NOT IN "
    "(SELECT member FROM handover WHERE kind = 'referral' AND state = 'sent'))"
)
WITHOUT_LINE = "SELECT count(*) FROM flagged WHERE member NOT IN (SELECT member FROM line)"
OFF_LIST = (
    "SELECT count(*) FROM handover WHERE kind = 'referral' AND member NOT IN "
    "(SELECT member FROM line WHERE decision = 'approved')"
)
LEFT_SUPPORT = (
    "SELECT member FROM event WHERE name = 'progress' AND state IN ('dropped_out', 'completed', 'placed') "
    "UNION SELECT member FROM handover WHERE kind != 'referral' AND state = 'sent' "
    "UNION SELECT member FROM event WHERE name = 'vital-event' AND state = 'death'"
)


@dataclass(frozen=True, slots=True)
class Numbers:
    """What happened to how many."""

    flagged: int
    outcomes: Mapping[str, int]
    potentially_unemployed: int
    counsellor: int
    readiness: Mapping[str, int]
    approved: int
    rejected_in_review: int
    undecided: int
    pushed: int
    not_pushed: int
    acknowledged: int
    rejected_by_ess: int
    pending: int
    segments: Mapping[str, int]
    enrolled: int
    died: int
    to_visit: int
    households: int
    confirmed_households: int


def numbers(store: Store) -> Numbers:
    """Count everything, each from its own rows."""
    lines = [dict(row) | {"reasons": unpacked(row["reasons"])} for row in store.rows(LINES)]
    listed = [line for line in lines if line["outcome"] in {"listed", "to_verify"}]
    sent, dead = set(pushed(store)), died(store).keys()
    states = {member: state for member, state in standing(store).items() if member in sent}
    acknowledged = {member for member, state in states.items() if state != "rejected"}
    confirmed, all_households = households(store)
    decisions = [line["decision"] for line in listed]
    return Numbers(
        flagged=store.count("SELECT count(*) FROM flagged"),
        outcomes={each: count for each in OUTCOMES if (count := sum(line["outcome"] == each for line in lines))},
        potentially_unemployed=len(listed),
        counsellor=sum(line["outcome"] == "to_verify" for line in listed),
        readiness={
            word: sum(word in line["reasons"] for line in listed)
            for word in ("labour_ready", "needs_training", "assess_at_outreach")
        },
        approved=decisions.count("approved"),
        rejected_in_review=sum(WITHHELD in line["reasons"] for line in listed),
        undecided=decisions.count(""),
        pushed=len(sent),
        not_pushed=sum(line["decision"] == "approved" and NO_BASIS in line["reasons"] for line in listed)
        + store.count(NO_LINK),
        acknowledged=len(acknowledged),
        rejected_by_ess=sum(state == "rejected" for state in states.values()),
        pending=len(sent - states.keys()),
        segments=segments(store, acknowledged),
        enrolled=len(enrolled(store)),
        died=len(sent & dead),
        to_visit=sum(state == "not_reached" for member, state in states.items() if member not in dead),
        households=all_households,
        confirmed_households=confirmed,
    )


def segments(store: Store, members: set[str]) -> dict[str, int]:
    """Local office (by district) -> people, of these members."""
    found: dict[str, int] = {}
    for row in store.rows("SELECT id, district FROM member ORDER BY district"):
        if row["id"] in members:
            found[row["district"]] = found.get(row["district"], 0) + 1
    return found


def equations(found: Numbers) -> tuple[tuple[str, int, int], ...]:
    """What has to be equal: (text, left, right)."""
    return (
        ("flagged = sum of outcomes", found.flagged, sum(found.outcomes.values())),
        (
            "potentially unemployed = approved + rejected in review + undecided",
            found.potentially_unemployed,
            found.approved + found.rejected_in_review + found.undecided,
        ),
        ("approved = pushed + withheld with reason", found.approved, found.pushed + found.not_pushed),
        (
            "pushed = acknowledged + rejected + pending",
            found.pushed,
            found.acknowledged + found.rejected_by_ess + found.pending,
        ),
        ("sum of segments = acknowledged", sum(found.segments.values()), found.acknowledged),
        ("readiness of everyone listed", sum(found.readiness.values()), found.potentially_unemployed),
    )


def differences(store: Store, found: Numbers) -> Iterator[str]:
    """Every equation that does not hold, and everything that belongs nowhere."""
    yield from (f"{text}: {left} and {right}" for text, left, right in equations(found) if left != right)
    for text, count in strays(store):
        yield from [text] * count


def strays(store: Store) -> tuple[tuple[str, int], ...]:
    """What belongs nowhere, and how many there are of it."""
    return (
        ("flagged records without a line", store.count(WITHOUT_LINE)),
        ("events about nobody we pushed", store.count(STRAYS)),
        ("referrals of lines that are not approved", store.count(OFF_LIST)),
        ("enrolled by event, not by answer", len(_contradicted(store))),
    )


async def control(stage: Stage, knowing: int = 0) -> None:
    """Draw up the report, say what it says, sign it and keep it.

    Args:
        knowing: how many unexplained differences the person who releases it signs knowingly.

    Raises:
        StepFailed: there are others; nothing is signed then.
    """
    found = numbers(stage.store)
    unexplained = list(differences(stage.store, found))
    for line in told(found):
        stage.tell(line)
    for each in unexplained:
        stage.tell(f"UNEXPLAINED: {each}")
    if len(unexplained) != knowing:
        raise StepFailed(
            f"nothing was signed: {len(unexplained)} differences are unexplained. Look into each; to sign knowing of "
            f"them, run it with --knowing {len(unexplained)}"
        )
    released(stage, stage.settings.officer, knowing=str(knowing))
    stage.tell(f"{len(unexplained)} unexplained differences; released and signed by {stage.settings.officer}")


def released(stage: Stage, by: str, *, knowing: str) -> dict[str, Any]:
    """Draw up the report, sign it for the person who releases it, and keep it; gives what it says.

    Args:
        knowing: how many unexplained differences the person signs knowingly, as a number; may be empty for none.

    Raises:
        StepFailed: there are others; nothing is signed then.
    """
    found = numbers(stage.store)
    unexplained = list(differences(stage.store, found))
    if (knowing or "0") != str(len(unexplained)):
        raise StepFailed(f"{len(unexplained)} differences are unexplained; sign knowing of so many, or look into each")
    document = report(stage, found, unexplained, by)
    signed = signature(stage, document)
    stage.store.put("INSERT INTO control VALUES (?, ?)", [(json.dumps(document), signed)])
    (stage.settings.folder / "control.jws").write_text(signed + "\n", encoding="ascii")
    return document


def told(found: Numbers) -> Iterator[str]:
    """The report's equations, for a person."""
    yield f"flagged {found.flagged} = " + " + ".join(f"{word} {count}" for word, count in found.outcomes.items())
    yield (
        f"potentially unemployed {found.potentially_unemployed} = approved {found.approved} "
        f"+ rejected in review {found.rejected_in_review} + undecided {found.undecided}"
    )
    yield f"approved {found.approved} = pushed {found.pushed} + not pushed, with the reason {found.not_pushed}"
    yield (
        f"pushed {found.pushed} = acknowledged {found.acknowledged} + rejected {found.rejected_by_ess} "
        f"+ pending {found.pending}"
    )
    yield f"segments: {len(found.segments)} offices, {sum(found.segments.values())} people"
    yield f"enrolled {found.enrolled}; died since {found.died}; {found.to_visit} people to visit: they were not reached"
    yield f"{found.confirmed_households} of {found.households} households confirmed"


def report(stage: Stage, found: Numbers, unexplained: list[str], by: str) -> dict[str, Any]:
    """The control report as it is signed."""
    return {
        "format": "registry-control/1",
        "date": stage.settings.day.isoformat(),
        "released_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "released_by": by,
        "numbers": asdict(found),
        "unexplained": unexplained,
    }


def signature(stage: Stage, document: Mapping[str, Any]) -> str:
    """The report as a compact JWS (RFC 7515) by the registry's key at the gateway."""
    payload = json.dumps(document, separators=(",", ":"), sort_keys=True).encode()
    header, _, signed = stage.client.session.key.detached(payload).split(".")
    return f"{header}.{base64.urlsafe_b64encode(payload).rstrip(b'=').decode('ascii')}.{signed}"


def _contradicted(store: Store) -> set[str]:
    """Enrolled by ESS's event, not enrolled by ESS's answer, and no word that the person has left since."""
    left = {row["member"] for row in store.rows(LEFT_SUPPORT)}
    told_enrolled = {member for member, state in standing(store).items() if state in ENROLLED}
    return {member for member, found in synced(store).items() if not found} & told_enrolled - left
