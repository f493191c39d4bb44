"""The list and its lines: filters that stand in the address, the evidence, and what a reviewer decides."""

from collections.abc import Mapping
from typing import Any
from unicodedata import category
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

import pages
from pages.desk import Front, SignedIn

from .. import lines, review
from ..errors import StepFailed
from ..facts import answers_about
from ..lines import Wanted
from ..progress import standing
from ..stage import Stage
from ..store import Row, Store, unpacked
from .people import by, names_of, spelled

FILTERS = ("outcome", "reason", "district", "decision")
A_PAGE = 50
LONGEST_REASON = 500
DONE = {"approve": "approved", "reject": "rejected", "comment": "commented"}
HANDOVER = "SELECT state FROM handover WHERE member = ? AND kind = 'referral'"
EVENTS = "SELECT name, state, day FROM event WHERE member = ? ORDER BY day, received"


class Reviews:
    """The pages over one registry."""

    def __init__(self, stage: Stage, front: Front) -> None:
        self._stage, self._front = stage, front

    async def listed(self, request: Request) -> Response:
        """The lines that match, by member id, a page at a time."""
        who = self._front.who(request)
        query = {name: request.query_params[name] for name in FILTERS if request.query_params.get(name)}
        store, begin = self._stage.store, _number(request.query_params.get("after", ""))
        wanted = Wanted(**query, after=lines.id_of(store, begin), limit=A_PAGE + 1)
        rows = lines.found(store, wanted)
        shown, more = rows[:A_PAGE], len(rows) > A_PAGE
        reasons, districts = lines.choices(store)
        values: dict[str, Any] = {
            "query": query,
            "outcomes": lines.OUTCOMES,
            "reasons": reasons,
            "districts": [{"value": each, "text": each} for each in districts],
            "decisions": lines.DECISIONS,
            "lines": [_shown(row) for row in shown],
            "waiting": [row["number"] for row in shown if not row["decision"]],
            "total": lines.count(store, wanted),
            "older": f"?{urlencode({**query, 'after': shown[-1]['number']})}" if more else "",
        }
        return self._front.page(request, who, "desk/lines.html", **values)

    async def one(self, request: Request) -> Response:
        """One line: who, why, on what evidence, what was said and told since, and the form of the review."""
        return self._line(request, self._front.who(request), fault="", form={})

    async def decide(self, request: Request) -> Response:
        """Approve, reject or comment."""
        who, form = await self._front.form(request)
        row = lines.numbered(self._stage.store, request.path_params["number"])
        try:
            self._decide(row, who, form)
        except StepFailed as error:
            return self._line(request, who, fault=pages.said(str(error)), form=form)
        return self._front.done(request.url.path, DONE[form["action"]])

    async def approve_shown(self, request: Request) -> Response:
        """Approve the lines that a page of the list showed: once asked, once confirmed with the reason."""
        who, form = await self._front.form(request)
        numbers = dict.fromkeys(map(_number, form.get("lines", "").split()[:A_PAGE]))
        rows = [lines.numbered(self._stage.store, number) for number in numbers]
        back = self._front.local(form.get("back", ""))
        if any(row["decision"] for row in rows) or not rows:
            raise StepFailed("Some of these lines were decided meanwhile, or none was left. Look at the list again.")
        fault = "" if "confirmed" not in form else _fault_of(form.get("reason", ""))
        if "confirmed" not in form or fault:
            values: dict[str, Any] = {"back": back, "fault": pages.said(fault), "lines": [_shown(row) for row in rows]}
            status = 400 if fault else 200
            return self._front.page(request, who, "desk/confirm.html", status=status, **values)
        members = [row["member"] for row in rows]
        review.reviewed_together(self._stage, "approve", members, by(who), form["reason"].strip())
        return self._front.done(back, "approved")

    def _decide(self, row: Row, who: SignedIn, form: Mapping[str, str]) -> None:
        action, reason = form.get("action", ""), form.get("reason", "").strip()
        if action not in DONE:
            raise StepFailed("Choose whether to approve, to reject or to comment.")
        if fault := _fault_of(reason):
            raise StepFailed(fault)
        if str(self._seen(row["member"])) != form.get("seen", ""):
            raise StepFailed("Somebody has said something about this line meanwhile. Read it, and decide again.")
        review.reviewed(self._stage, action, row["member"], by(who), reason)

    def _seen(self, member: str) -> int:
        """The newest thing said about a line, 0 for nothing."""
        return max((row["id"] for row in lines.said(self._stage.store, member)), default=0)

    def _line(self, request: Request, who: SignedIn, *, fault: str, form: Mapping[str, str]) -> Response:
        store = self._stage.store
        row = lines.numbered(store, request.path_params["number"])
        member = row["member"]
        values: dict[str, Any] = {
            "fault": fault,
            "form": form,
            "number": row["number"],
            "line": lines.wire(store, row),
            "district": row["district"] or "",
            "names": names_of(row),
            "seen": self._seen(member),
            "answers": answers_about(store, member),
            "handover": next((each["state"] for each in store.rows(HANDOVER, member)), ""),
            "standing": standing(store).get(member, ""),
            "events": store.rows(EVENTS, member),
            "next_waiting": _next_waiting(store, member),
        }
        return self._front.page(request, who, "desk/line.html", status=400 if fault else 200, **values)


def _shown(row: Row) -> dict[str, Any]:
    """A line of the list: no more than a reviewer needs to choose one."""
    held = {name: row[name] for name in ("number", "member", "district", "outcome", "decision")}
    return {**held, "name": spelled(row), "reasons": unpacked(row["reasons"])}


def _next_waiting(store: Store, member: str) -> int | None:
    """The number of the next line that nobody has decided on, by member id; behind the last one, of the first."""
    for after in (member, ""):
        if rows := lines.found(store, Wanted(decision="waiting", after=after, limit=1)):
            return int(rows[0]["number"]) if rows[0]["member"] != member else None
    return None


def _number(text: str) -> int:
    """A line's number in an address or a form; anything else is a number that no line has."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0


def _fault_of(reason: str) -> str:
    if not reason.strip():
        return "Say why."
    control = any(category(each) == "Cc" and each not in "\r\n" for each in reason)  # Sinhala needs U+200D, so no more
    return "Say why in at most 500 characters." if control or len(reason) > LONGEST_REASON else ""
