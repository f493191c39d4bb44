"""What there is to see of the list, for pages and programs alike: a line, a household, enrolment, the control report.

Places are codes here; who shows them knows their names.
"""

import json
from collections import Counter
from typing import Any

from . import downloads, lines
from .control import differences, equations, numbers, strays
from .evidence import heard
from .facts import answers_about, facts_of
from .member import member_of
from .progress import ENDS, ENROLLED, answers, died, households, standing, synced
from .push import pushed
from .rule import Case
from .stage import Stage
from .store import Row, Store, unpacked

HOUSEHOLD = (
    "SELECT member.id, member.record, member.district, line.rowid AS number, line.outcome, line.decision, "
    "ended.why AS ended FROM member LEFT JOIN line ON line.member = member.id "
    "LEFT JOIN ended ON ended.member = member.id WHERE household = ? ORDER BY member.id"
)
HANDOVER = "SELECT state FROM handover WHERE member = ? AND kind = 'referral'"
EVENTS = (  # but for findings, which are told by themselves
    "SELECT name, state, day FROM event WHERE member = ? AND name != 'finding' ORDER BY day, received"
)
FINDINGS = "SELECT count(*) FROM event WHERE name = 'finding' AND member IS NOT NULL"
ENDED = "SELECT member, why FROM ended"
DISTRICT_OF = "SELECT id, district FROM member"
LAST_REPORT = "SELECT report, signed FROM control ORDER BY rowid DESC LIMIT 1"


def line(stage: Stage, row: Row) -> dict[str, Any]:
    """All that is known of a line, for who decides on it.

    Args:
        row: of `lines.numbered`.

    Returns:
        `line` (as `lines.wire`), `household`, `heard` (what each source said, a list of `evidence.Heard`; empty where
        the member's record, by which it is judged, is no longer held), `handover` (state of the referral), `standing`,
        `died` (a day), `events` (`{name, state, day}`, oldest first). What is not known is empty.
    """
    store, member = stage.store, row["member"]
    facts = facts_of(store, member_of(row)) if row["record"] else None
    case = Case(facts, stage.settings.day, stage.settings.limits) if facts else None
    return {
        "line": lines.wire(store, row),
        "household": row["household"],
        "heard": heard(case, answers_about(store, member), unpacked(row["reasons"])) if case else [],
        "handover": next((each["state"] for each in store.rows(HANDOVER, member)), ""),
        "standing": standing(store).get(member, ""),
        "died": died(store).get(member, ""),
        "events": [dict(each) for each in store.rows(EVENTS, member)],
    }


def household(store: Store, number: str) -> dict[str, Any]:
    """`{household, people, referred, confirmed}`: everybody in it; confirmed when each who was referred has an answer.

    Of a person: `id, number` (of the line, None if there is none to review), `record` (packed), `outcome, decision,
    pushed, standing, ended`.
    """
    states, sent = standing(store), set(pushed(store))
    people = [_person(each, states, sent) for each in store.rows(HOUSEHOLD, number)]
    referred = [each["id"] for each in people if each["pushed"]]
    confirmed = bool(referred) and answers(store).issuperset(referred)
    return {"household": number, "people": people, "referred": len(referred), "confirmed": confirmed}


def enrolment(store: Store) -> dict[str, Any]:
    """What employment support told: by state, by what ended the eligibility, and by district.

    `states` and `ends` are pairs of a word and its number; `silent` are those of whom nothing is known yet,
    `only_asked` are enrolled and known only because we asked; `districts` has `{district, pushed, answered, enrolled}`.
    """
    sent = set(pushed(store))
    states = {member: state for member, state in standing(store).items() if member in sent}
    ends = Counter(row["why"] for row in store.rows(ENDED) if row["member"] in sent)
    by_event = {member for member, state in states.items() if state in ENROLLED}
    asked = {member for member, yes in synced(store).items() if yes}
    dead = died(store).keys()
    taken = (by_event | asked) - dead
    confirmed, all_ = households(store)
    return {
        "pushed": len(sent),
        "states": sorted(Counter((states | dict.fromkeys(dead & sent, "died")).values()).items()),
        "silent": len(sent - states.keys()),
        "enrolled": len(taken),
        "only_asked": len(taken - by_event),
        "ends": [(each, ends[each]) for each in ENDS],
        "households": all_,
        "confirmed": confirmed,
        "findings": store.count(FINDINGS),
        "districts": _districts(store, sent, states, taken),
    }


def control_report(store: Store) -> dict[str, Any]:
    """The equations as they stand, what nothing explains, the last report that somebody released, who took the list."""
    found = numbers(store)
    last = last_report(store)
    return {
        "found": found,
        "equations": equations(found),
        "strays": [(text, number) for text, number in strays(store) if number],
        "unexplained": len(list(differences(store, found))),
        "last": json.loads(last["report"]) if last else None,
        "downloads": [dict(row) | {"filters": unpacked(row["filters"])} for row in downloads.latest(store)],
    }


def last_report(store: Store) -> Row | None:
    """`report` (JSON) and `signed` (a compact JWS, RFC 7515) of the newest released report."""
    return next(iter(store.rows(LAST_REPORT)), None)


def _districts(store: Store, sent: set[str], states: dict[str, str], taken: set[str]) -> list[dict[str, Any]]:
    district = {row["id"]: row["district"] for row in store.rows(DISTRICT_OF) if row["id"] in sent}
    pushed_, answered, enrolled_ = (Counter(district[each] for each in some) for some in (sent, states, taken & sent))
    return [
        {"district": code, "pushed": number, "answered": answered[code], "enrolled": enrolled_[code]}
        for code, number in sorted(pushed_.items())
    ]


def _person(row: Row, states: dict[str, str], sent: set[str]) -> dict[str, Any]:
    member = row["id"]
    return {
        "id": member,
        "number": row["number"] if row["outcome"] in lines.OUTCOMES else None,
        "record": row["record"],
        "outcome": row["outcome"] or "",
        "decision": row["decision"] or "",
        "pushed": member in sent,
        "standing": states.get(member, ""),
        "ended": row["ended"] or "",
    }
