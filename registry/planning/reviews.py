"""The list and its lines: filters that stand in the address, the evidence, and what a reviewer decides."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from unicodedata import category
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

import pages
from pages import Refused, Wrong
from pages.desk import Front, SignedIn

from .. import downloads, lines, overview, review
from ..errors import NotThere, StepFailed
from ..lines import Wanted
from ..progress import ENDS, STANDINGS
from ..stage import Stage
from ..store import Row, Store, unpacked
from .people import by, lives_in, names_of, spelling
from .places import Places
from .table import spreadsheet

FILTERS = ("outcome", "reason", "district", "decision", "referral", "since", "standing")
A_PAGE = 40  # a form has at most 50 fields, see `pages.desk.forms`
LONGEST_REASON = 500
DONE = {"approve": "approved", "reject": "rejected", "comment": "commented"}


class Reviews:
    """The pages over one registry."""

    def __init__(self, stage: Stage, front: Front, places: Places) -> None:
        self._stage, self._front, self._places = stage, front, places

    async def listed(self, request: Request) -> Response:
        """The lines that match, by member id, a page at a time."""
        return self._list(request, self._front.who(request))

    async def find(self, request: Request) -> Response:
        """To the line of a member id, which travels in the body: an address may be written down somewhere."""
        who, form = await self._front.form(request)
        member = form.get("member", "").strip()
        try:
            number = lines.number_of(self._stage.store, member)
        except NotThere as error:
            refused = Refused([Wrong("member", pages.said(str(error)))], {"member": member})
            return self._list(request, who, refused, status=404)
        return RedirectResponse(f"/desk/lines/{number}{kept(request)}", 303)

    async def table(self, request: Request) -> Response:
        """Every line that matches, as CSV. Who takes it away is written down first."""
        who, asked, store = self._front.who(request), _asked(request), self._stage.store
        rows = list(lines.everything(store, _wanted(asked)))
        downloads.note(store, by(who), asked, len(rows))
        headers = {"content-disposition": 'attachment; filename="list.csv"'}
        return Response(spreadsheet(rows, self._places), media_type="text/csv; charset=utf-8", headers=headers)

    async def one(self, request: Request) -> Response:
        """One line: who, why, on what evidence, what was said and told since, and the form of the review."""
        return self._line(request, self._front.who(request))

    async def decide(self, request: Request) -> Response:
        """Approve, reject or comment."""
        who, form = await self._front.form(request)
        row = lines.numbered(self._stage.store, request.path_params["number"])
        wrong = _wrong_with(form)
        try:
            if not wrong:
                self._decide(row, who, form)
        except StepFailed as error:
            wrong = [Wrong("action", pages.said(str(error)))]
        if wrong:
            return self._line(request, who, Refused(wrong, form))
        return self._front.done(f"{request.url.path}{kept(request)}", DONE[form["action"]])

    def several(self, action: str) -> Callable[[Request], Awaitable[Response]]:
        """Approve or reject lines of a page together: once asked, once confirmed with the reason."""

        async def decide(request: Request) -> Response:
            who, form = await self._front.form(request)
            rows = [lines.numbered(self._stage.store, number) for number in _numbers(form)]
            back = self._front.local(form.get("back", ""))
            if unfit := _unfit(rows):
                return self._list(request, who, Refused([Wrong("the-list", pages.said(unfit))]))
            fault = "" if "confirmed" not in form else _fault_of(form.get("reason", ""))
            if "confirmed" not in form or fault:
                shown = [self._shown(row) for row in rows]
                values: dict[str, Any] = {"action": action, "back": back, "lines": shown}
                values |= {"kept": kept(request), "typed": form}
                refused = Refused([Wrong("reason", pages.said(fault))], form) if fault else None
                return self._front.page(request, who, "desk/confirm.html", refused=refused, **values)
            members = [row["member"] for row in rows]
            review.reviewed_together(self._stage, action, members, by(who), form["reason"].strip())
            return self._front.done(back, DONE[action])

        return decide

    def _list(self, request: Request, who: SignedIn, refused: Refused | None = None, *, status: int = 200) -> Response:
        """`refused` is of the member id that was looked for, or of the lines that were ticked."""
        query, store = _asked(request), self._stage.store
        begin = _number(request.query_params.get("after", ""))
        wanted = replace(_wanted(query), after=lines.id_of(store, begin), limit=A_PAGE + 1)
        rows = lines.found(store, wanted)
        shown, more = rows[:A_PAGE], len(rows) > A_PAGE
        reasons, districts = lines.choices(store)
        values: dict[str, Any] = {
            "query": query,
            "kept": kept(request),
            "counts": [
                (each, n, _address({**query, "decision": each})) for each, n in lines.decisions(store, wanted).items()
            ],
            "table": f"/desk/lines/table{_address(query)}",
            "outcomes": lines.OUTCOMES,
            "reasons": reasons,
            "districts": [{"value": each, "text": self._places(each)} for each in districts],
            "decisions": lines.DECISIONS,
            "ends": ENDS,
            "standings": STANDINGS,
            "referrals": lines.REFERRALS,
            "lines": [self._shown(row) for row in shown],
            "waiting": [row["number"] for row in shown if not row["decision"]],
            "total": lines.count(store, wanted),
            "back": f"/desk/lines{kept(request)}",
            "older": _address({**query, "after": str(shown[-1]["number"])}) if more else "",
        }
        return self._front.page(request, who, "desk/lines.html", status=status, refused=refused, **values)

    def _decide(self, row: Row, who: SignedIn, form: Mapping[str, str]) -> None:
        """Of a form with nothing wrong. Raises StepFailed."""
        if str(self._seen(row["member"])) != form.get("seen", ""):
            raise StepFailed("Somebody has said something about this line meanwhile. Read it, and decide again.")
        review.reviewed(self._stage, form["action"], row["member"], by(who), form["reason"].strip())

    def _seen(self, member: str) -> int:
        """The newest thing said about a line, 0 for nothing."""
        return max((row["id"] for row in lines.said(self._stage.store, member)), default=0)

    def _line(self, request: Request, who: SignedIn, refused: Refused | None = None) -> Response:
        store = self._stage.store
        row = lines.numbered(store, request.path_params["number"])
        member = row["member"]
        values: dict[str, Any] = {
            "number": row["number"],
            "kept": kept(request),
            "places": [(word, self._places(code)) for word, code in _whereabouts(row)],
            "names": names_of(row),
            "seen": self._seen(member),
            "next_waiting": _next_waiting(store, member, _asked(request)),
        }
        values |= overview.line(self._stage, row)
        return self._front.page(request, who, "desk/line.html", refused=refused, **values)

    def _shown(self, row: Row) -> dict[str, Any]:
        """A line of the list: no more than a reviewer needs to choose one."""
        held = {name: row[name] for name in ("number", "member", "outcome", "decision", "ended")}
        held |= {"district": self._places(row["district"]), "gn_division": self._places(lives_in(row, "gn_division"))}
        tag, name = spelling(row)
        return {**held, "tag": tag, "name": name, "reasons": unpacked(row["reasons"])}


def _whereabouts(row: Row) -> list[tuple[str, str]]:
    """(kind of place, its code) of where the member lives, the largest first."""
    divisions = {"Divisional secretariat": "ds_division", "GN division": "gn_division"}
    return [("District", row["district"]), *((word, lives_in(row, name)) for word, name in divisions.items())]


def _next_waiting(store: Store, member: str, query: Mapping[str, str]) -> int | None:
    """The number of the next line like this that nobody has decided on; behind the last one by id, of the first."""
    for after in (member, ""):
        if rows := lines.found(store, replace(_wanted(query), decision="waiting", after=after, limit=1)):
            return int(rows[0]["number"]) if rows[0]["member"] != member else None
    return None


def _wanted(query: Mapping[str, str]) -> Wanted:
    narrowed: dict[str, Any] = {name: query.get(name, "") for name in FILTERS}
    return Wanted(**narrowed)


def _asked(request: Request) -> dict[str, str]:
    """The filters in the address."""
    return {name: request.query_params[name] for name in FILTERS if request.query_params.get(name)}


def kept(request: Request) -> str:
    """What of an address comes along to a line and back: the filters, and where the page begins."""
    begin = _number(request.query_params.get("after", ""))
    return _address(_asked(request) | ({"after": str(begin)} if begin else {}))


def _address(query: Mapping[str, str]) -> str:
    return f"?{urlencode(query)}" if query else ""


def _numbers(form: Mapping[str, str]) -> list[int]:
    """The lines that a form means: named together in `lines`, or ticked one by one as `line-7`."""
    ticked = (name.removeprefix("line-") for name in form if name.startswith("line-"))
    return list(dict.fromkeys(map(_number, [*form.get("lines", "").split(), *ticked][:A_PAGE])))


def _number(text: str) -> int:
    """A line's number in an address or a form; anything else is a number that no line has."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0


def _unfit(rows: Sequence[Row]) -> str:
    """Why these lines cannot be decided together."""
    if not rows:
        return "No line is ticked. Tick those that you mean."
    decided = any(row["decision"] for row in rows)
    return "Some of these lines were decided meanwhile. Look at the list again." if decided else ""


def _wrong_with(form: Mapping[str, str]) -> list[Wrong]:
    """Each field of the review that has to be mended."""
    action = "" if form.get("action", "") in DONE else "Choose whether to approve, to reject or to comment."
    told = {"action": action, "reason": _fault_of(form.get("reason", ""))}
    return [Wrong(name, pages.said(text)) for name, text in told.items() if text]


def _fault_of(reason: str) -> str:
    if not reason.strip():
        return "Say why."
    control = any(category(each) == "Cc" and each not in "\r\n" for each in reason)  # Sinhala needs U+200D, so no more
    return "Say why in at most 500 characters." if control or len(reason) > LONGEST_REASON else ""
