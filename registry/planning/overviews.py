"""What came of the list: a household, the feedback from employment support, and the control report."""

import json
from collections import Counter
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

import pages
from pages.desk import Front, SignedIn

from .. import downloads, lines
from ..control import differences, equations, numbers, released, strays
from ..progress import ENDS, ENROLLED, answers, died, households, standing, synced
from ..push import pushed
from ..stage import Stage
from ..store import Row, unpacked
from .people import by, spelled
from .places import Places
from .reviews import kept

HOUSEHOLD = (
    "SELECT member.id, member.record, member.district, line.rowid AS number, line.outcome, line.decision, "
    "ended.why AS ended FROM member LEFT JOIN line ON line.member = member.id "
    "LEFT JOIN ended ON ended.member = member.id WHERE household = ? ORDER BY member.id"
)
FINDINGS = "SELECT count(*) FROM event WHERE name = 'finding' AND member IS NOT NULL"
ENDED = "SELECT member, why FROM ended"
DISTRICT_OF = "SELECT id, district FROM member"
LAST_REPORT = "SELECT report, signed FROM control ORDER BY rowid DESC LIMIT 1"


class Overviews:
    """The pages over one registry."""

    def __init__(self, stage: Stage, front: Front, places: Places) -> None:
        self._stage, self._front, self._places = stage, front, places

    async def household(self, request: Request) -> Response:
        """Everybody in the household of a line's member, and whether the household is confirmed."""
        who = self._front.who(request)
        store = self._stage.store
        row = lines.numbered(store, request.path_params["number"])
        states, sent = standing(store), set(pushed(store))
        people = [_person(each, states, sent) for each in store.rows(HOUSEHOLD, row["household"])]
        referred = [each["id"] for each in people if each["pushed"]]
        values: dict[str, Any] = {
            "number": row["number"],
            "kept": kept(request),
            "household": row["household"],
            "people": people,
            "confirmed": bool(referred) and answers(store).issuperset(referred),
            "referred": len(referred),
        }
        return self._front.page(request, who, "desk/household.html", **values)

    async def enrolment(self, request: Request) -> Response:
        """What employment support told, by state and by district."""
        who = self._front.who(request)
        store = self._stage.store
        sent = set(pushed(store))
        states = {member: state for member, state in standing(store).items() if member in sent}
        ends = Counter(row["why"] for row in store.rows(ENDED) if row["member"] in sent)
        by_event = {member for member, state in states.items() if state in ENROLLED}
        asked = {member for member, yes in synced(store).items() if yes}
        dead = died(store).keys()
        taken = (by_event | asked) - dead
        confirmed, all_ = households(store)
        values: dict[str, Any] = {
            "pushed": len(sent),
            "states": sorted(Counter((states | dict.fromkeys(dead & sent, "died")).values()).items()),
            "silent": len(sent - states.keys()),
            "enrolled": len(taken),
            "only_asked": len(taken - by_event),
            "ends": [(each, ends[each]) for each in ENDS],
            "households": all_,
            "confirmed": confirmed,
            "findings": store.count(FINDINGS),
            "districts": self._districts(sent, states, taken),
        }
        return self._front.page(request, who, "desk/enrolment.html", **values)

    async def control(self, request: Request) -> Response:
        """The equations as they stand, what is unexplained, and the last report that somebody released."""
        return self._control(request, self._front.who(request))

    async def release(self, request: Request) -> Response:
        """Release the report as it stands now, signed for the person who is signed in.

        Where something is unexplained, only by somebody who said so knowing how much it is.
        """
        who, form = await self._front.form(request)
        store = self._stage.store
        unexplained = len(list(differences(store, numbers(store))))
        if unexplained and form.get("knowing") != str(unexplained):
            return self._control(request, who, fault=pages.said("Confirm that you sign with these differences."))
        released(self._stage, by(who))
        return self._front.done(request.url.path, "released")

    async def signed(self, request: Request) -> Response:
        """The last report as it was signed, to take away: a compact JWS (RFC 7515)."""
        self._front.who(request)
        last = self._stage.store.rows(LAST_REPORT)
        if not last:
            raise HTTPException(404)
        headers = {"content-disposition": 'attachment; filename="control.jws"'}
        return Response(last[0]["signed"] + "\n", media_type="application/jose", headers=headers)

    def _control(self, request: Request, who: SignedIn, *, fault: str = "") -> Response:
        store = self._stage.store
        found = numbers(store)
        last = store.rows(LAST_REPORT)
        values: dict[str, Any] = {
            "fault": fault,
            "equations": equations(found),
            "found": found,
            "segments": sorted([self._places(code), number] for code, number in found.segments.items()),
            "strays": [(text, number) for text, number in strays(store) if number],
            "unexplained": len(list(differences(store, found))),
            "place": self._places,
            "last": json.loads(last[0]["report"]) if last else None,
            "downloads": [dict(row) | {"filters": unpacked(row["filters"])} for row in downloads.latest(store)],
        }
        return self._front.page(request, who, "desk/control.html", status=400 if fault else 200, **values)

    def _districts(self, sent: set[str], states: dict[str, str], taken: set[str]) -> list[list[object]]:
        """District by name, pushed, answered, enrolled."""
        district = {row["id"]: row["district"] for row in self._stage.store.rows(DISTRICT_OF) if row["id"] in sent}
        counted = [Counter(district[each] for each in some) for some in (sent, states, taken & sent)]
        return sorted([self._places(code), *(count[code] for count in counted)] for code in counted[0])


def _person(row: Row, states: dict[str, str], sent: set[str]) -> dict[str, Any]:
    member = row["id"]
    reviewable = row["outcome"] in lines.OUTCOMES
    return {
        "id": member,
        "name": spelled(row),
        "number": row["number"] if reviewable else None,
        "outcome": row["outcome"] or "",
        "decision": row["decision"] or "",
        "pushed": member in sent,
        "standing": states.get(member, ""),
        "ended": row["ended"],
    }
