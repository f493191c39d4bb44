"""The review API, `/review/...`: what the pages of the planning department do, for a program.

Each route but the one of its OpenAPI document needs the bearer token of `DIR/review.token`, which only the registry's
own user can read. A line is known by its member id, which travels in bodies, so that no access log can hold one. `by`
is who decides, in the caller's words.
"""

import hmac
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from . import lines, overview, review
from .control import released
from .downloads import note
from .errors import NotThere, StepFailed
from .planning.places import Places
from .planning.table import spreadsheet
from .stage import Stage
from .wire import body_of, problem

FILTERS = ("outcome", "reason", "district", "since", "standing", "referral")
Handler = Callable[[Request], Awaitable[Response]]
JOSE = "application/jose"
DOCUMENT = Path(__file__).with_name("review-api.json")


class ReviewApi:
    """The routes over one registry."""

    def __init__(self, stage: Stage, token: str, places: Places) -> None:
        self._stage, self._places = stage, places
        self._stated = f"Bearer {token}".encode()

    def routes(self) -> list[Route]:
        """All of them."""
        reading = {"lines": self._lines, "enrolment": self._enrolment, "control": self._control, "signed": self._signed}
        doing: dict[str, Handler] = {action: self._reviewed(action) for action in ("approve", "reject", "comment")}
        doing |= {"line": self._line, "household": self._household, "table": self._table, "release": self._release}
        return [
            Route("/review/openapi.json", _document),
            *(Route(f"/review/{name}", self._guarded(each)) for name, each in reading.items()),
            *(Route(f"/review/{name}", self._guarded(each), methods=["POST"]) for name, each in doing.items()),
        ]

    def _guarded(self, handler: Handler) -> Handler:
        """Only for who has the token; what cannot be done is a problem."""

        async def guarded(request: Request) -> Response:
            if not hmac.compare_digest(request.headers.get("authorization", "").encode(), self._stated):
                return problem(401, "send Authorization: Bearer with the token of the file review.token")
            try:
                return await handler(request)
            except StepFailed as error:
                return problem(404 if isinstance(error, NotThere) else 400, str(error))

        return guarded

    async def _lines(self, request: Request) -> Response:
        """`?after=ID&limit=100&all=1`: lines to review, by id; `all` includes those decided on.

        `outcome`, `reason`, `district`, `decision` (waiting, approved, rejected), `referral`, `since` and `standing`
        narrow it further, as on the page; `counts` is how many there are of each decision.
        """
        query = request.query_params
        try:
            limit = min(max(int(query.get("limit", "100")), 1), lines.MOST)
        except ValueError:
            raise StepFailed("limit is a whole number") from None
        decision = query.get("decision") or ("" if query.get("all") else "waiting")
        wanted = _wanted({**query, "decision": decision}, after=query.get("after", ""), limit=limit)
        store = self._stage.store
        found = [lines.wire(store, row) for row in lines.found(store, wanted)]
        following = found[-1]["id"] if len(found) == limit else None
        return JSONResponse({"lines": found, "next": following, "counts": lines.decisions(store, wanted)})

    async def _line(self, request: Request) -> Response:
        """`{"id"}` -> the line with its person, what each source said, the referral, and what was told since."""
        found = overview.line(self._stage, self._row(await _said(request, "id")))
        return JSONResponse(found | {"heard": [asdict(each) for each in found["heard"]]})

    async def _household(self, request: Request) -> Response:
        """`{"id"}` -> everybody in this member's household, and whether it is confirmed."""
        row = self._row(await _said(request, "id"))
        found = overview.household(self._stage.store, row["household"])
        return JSONResponse(found | {"people": [_without_record(each) for each in found["people"]]})

    async def _enrolment(self, _: Request) -> Response:
        """What employment support told, by state and by district."""
        return JSONResponse(overview.enrolment(self._stage.store))

    async def _control(self, _: Request) -> Response:
        """The equations as they stand, what is unexplained, the last released report, and who took the list away."""
        found = overview.control_report(self._stage.store)
        equations = [dict(zip(("text", "left", "right"), each, strict=True)) for each in found["equations"]]
        return JSONResponse(found | {"found": asdict(found["found"]), "equations": equations})

    async def _release(self, request: Request) -> Response:
        """`{"by", "knowing"}` -> the report as it was signed; `knowing` says how many differences are unexplained."""
        said = await _said(request, "by", "knowing")
        return JSONResponse(released(self._stage, _by(said), knowing=said["knowing"]))

    async def _signed(self, _: Request) -> Response:
        """The last released report: a compact JWS (RFC 7515)."""
        last = overview.last_report(self._stage.store)
        if last is None:
            raise NotThere("nobody has released a report yet")
        return Response(last["signed"] + "\n", media_type=JOSE)

    async def _table(self, request: Request) -> Response:
        """`{"by", "outcome"?, ...}` -> every line that the filters let through, as CSV. Who takes it is kept."""
        said = await _said(request, "by", optional=(*FILTERS, "decision"))
        filters = {name: text for name, text in said.items() if name != "by" and text}
        rows = list(lines.everything(self._stage.store, _wanted(filters)))
        note(self._stage.store, _by(said), filters, len(rows))
        return Response(spreadsheet(rows, self._places), media_type="text/csv; charset=utf-8")

    def _reviewed(self, action: str) -> Handler:
        """`{"id" or "ids", "by", "reason"}`: several all together, or none."""

        async def decide(request: Request) -> Response:
            said = await _said(request, "by", "reason", optional=("id", "ids"))
            members = said.get("ids") or [said.get("id", "")]
            review.reviewed_together(self._stage, action, members, _by(said), said["reason"])
            return JSONResponse({"outcome": action, "lines": len(members)})

        return decide

    def _row(self, said: Mapping[str, Any]) -> Any:
        store = self._stage.store
        return lines.numbered(store, lines.number_of(store, said["id"]))


async def _document(_: Request) -> Response:
    """What every route takes and gives (OpenAPI 3.1); it tells nothing of anybody."""
    return Response(DOCUMENT.read_bytes(), media_type="application/json")


def _wanted(query: Mapping[str, str], **page: Any) -> lines.Wanted:
    narrowed: dict[str, Any] = {name: query[name] for name in (*FILTERS, "decision") if name in query}
    return lines.Wanted(**narrowed, **page)


def _without_record(person: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in person.items() if name not in {"record", "number"}}


def _by(said: Mapping[str, Any]) -> str:
    if not said["by"].strip():
        raise StepFailed("say by whom")
    return str(said["by"]).strip()


async def _said(request: Request, *wanted: str, optional: Sequence[str] = ()) -> Mapping[str, Any]:
    """The members of a JSON body, all texts; `ids` is an array of some."""
    try:
        said = json.loads(await body_of(request))
    except (ValueError, RecursionError):
        said = None
    shape = ", ".join([*(f'"{each}"' for each in wanted), *(f'"{each}"?' for each in optional)])
    if not isinstance(said, dict) or not set(wanted) <= said.keys() <= {*wanted, *optional}:
        raise StepFailed(f"send {{{shape}}}")
    texts = [value for name, value in said.items() if name != "ids"]
    many = said.get("ids", [""])
    if not isinstance(many, list) or not many or not all(isinstance(each, str) for each in (*texts, *many)):
        raise StepFailed(f"send {{{shape}}}, all texts")
    if "ids" in optional and ("id" in said) == ("ids" in said):
        raise StepFailed("send the id of one line, or the ids of several")
    return said
