"""`/counselling/...`: what the counsellors' pages do, for a program of an office.

Each route but the one of its OpenAPI document needs the bearer token of the office, from `counsel-tokens.json` in the
offices' folder, which only its owner can read. A person is known by member id, which travels in bodies, so that no
access log can hold one. Another office's person is as unknown as nobody's. What cannot be done is a problem (RFC 9457).
"""

import hmac
import json
import secrets
from collections.abc import Awaitable, Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox import strict
from sandbox.kept import Kept

from .book import Book
from .counsel import Counsellors, FindingRefused
from .places import DISTRICTS
from .queue import Visit, following, of_place, queue, said_on

AREA = "/counselling"
TOKENS = "counsel-tokens.json"
MOST_BYTES = 16384
DOCUMENT = Path(__file__).with_name("counselling-api.json")
Handler = Callable[[Request, str], Awaitable[Response]]


class CounselApi:
    """The routes over the book of all offices.

    Args:
        folder: where the tokens are; made when absent.
        sending: hands what is kept to the gateway.
    """

    def __init__(
        self,
        book: Book,
        counsellors: Counsellors,
        folder: Path,
        *,
        today: Callable[[], date],
        sending: Callable[[], Awaitable[None]],
    ) -> None:
        self._book, self._counsellors, self._today, self._sending = book, counsellors, today, sending
        self._tokens = tokens(folder)

    def routes(self) -> list[Route]:
        """All of them."""
        doing: dict[str, Handler] = {"person": self._person, "finding": self._finding, "send": self._send}
        return [
            Route(f"{AREA}/openapi.json", _document),
            Route(f"{AREA}/people", self._guarded(self._people)),
            *(Route(f"{AREA}/{name}", self._guarded(each), methods=["POST"]) for name, each in doing.items()),
        ]

    def _guarded(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        """Only for who has the token of an office."""

        async def guarded(request: Request) -> Response:
            shown = request.headers.get("authorization", "").encode()
            office = [
                each for each, token in self._tokens.items() if hmac.compare_digest(shown, f"Bearer {token}".encode())
            ]
            if not office:
                return _problem(401, "Send Authorization: Bearer with the token of an office.")
            try:
                return await handler(request, office[0])
            except _NotThere:
                return _problem(404, "Nobody like this waits in your office.")
            except FindingRefused as error:
                return _problem(400, str(error))

        return guarded

    async def _people(self, request: Request, office: str) -> Response:
        """`?place=LK-1103`: whom to verify and what became of the findings, in the order in which one visits them."""
        visits = of_place(self._visits(office), request.query_params.get("place", ""))
        waiting = sum(each.waits for each in visits)
        return JSONResponse({"office": office, "waiting": waiting, "people": [_wire(each) for each in visits]})

    async def _person(self, request: Request, office: str) -> Response:
        """`{"id"}` -> the person, and the id of who comes next."""
        visit = self._visit(office, await _said(request, {"id"}))
        behind = following(self._visits(office), visit.number)
        return JSONResponse(_wire(visit) | {"next": behind.client.member_id if behind else None})

    async def _finding(self, request: Request, office: str) -> Response:
        """`{"id", "found", "found_on", "role", "corrects"?}` -> the person, with the finding kept; it is sent then.

        `found` has a word for each source to verify; `corrects` is the number of findings that are known already.
        """
        said = await _said(request, {"id", "found", "found_on", "role"}, {"corrects"})
        visit = self._visit(office, said)
        found, corrects = said["found"], said.get("corrects", 0)
        if not isinstance(found, dict) or type(corrects) is not int:
            raise FindingRefused("Send found as an object, and corrects as a number.")
        on = said_on(str(said["found_on"]), visit, self._today())
        self._counsellors.note(visit.client, found, on, str(said["role"]), corrects=corrects)
        kept = self._visit(office, said)
        return JSONResponse(_wire(kept), 202, background=BackgroundTask(self._sending))

    async def _send(self, request: Request, _office: str) -> Response:
        """`{}`: send again what the gateway did not take."""
        await _said(request, set())
        return JSONResponse({}, 202, background=BackgroundTask(self._sending))

    def _visits(self, office: str) -> list[Visit]:
        return queue(self._book.numbered(office), self._counsellors.findings())

    def _visit(self, office: str, said: Mapping[str, Any]) -> Visit:
        found = [each for each in self._visits(office) if each.client.member_id == said["id"]]
        if not found:
            raise _NotThere
        return found[0]


class _NotThere(Exception):
    """There is nobody of this id in the office."""


def tokens(folder: Path) -> Mapping[str, str]:
    """Office -> its token; made at the first use."""
    made = Kept(folder).text(TOKENS, lambda: json.dumps({each: secrets.token_urlsafe(32) for each in DISTRICTS}))
    found: dict[str, str] = json.loads(made)
    return found


async def _document(_: Request) -> Response:
    """What every route takes and gives (OpenAPI 3.1)."""
    return Response(DOCUMENT.read_bytes(), media_type="application/json")


def _wire(visit: Visit) -> dict[str, Any]:
    """A person as the office knows one, without the national number."""
    record = visit.client.record
    return {
        "id": visit.client.member_id,
        "names": record["person"]["names"],
        "phone": record["person"].get("phone", ""),
        "gn_division": visit.gn_division,
        "secretariat": visit.secretariat,
        "verify": record["verify"],
        "evidence": record["evidence"],
        "readiness": record["readiness"],
        "contact": visit.client.contact,
        "findings": [{"state": each.state, **each.body["record"]} for each in visit.letters],
    }


async def _said(
    request: Request, wanted: set[str], optional: frozenset[str] | set[str] = frozenset()
) -> dict[str, Any]:
    """The members of a JSON body. Raises FindingRefused."""
    try:
        said = strict.loads(await strict.bounded(request.stream(), MOST_BYTES))
    except (strict.BodyTooLarge, strict.NotStrictJson) as error:
        raise FindingRefused(f"The body cannot be read: {error}") from None
    if not isinstance(said, dict) or not wanted <= said.keys() <= wanted | optional:
        raise FindingRefused(f"Send an object with {', '.join(sorted(wanted)) or 'no members'}.")
    return said


def _problem(status: int, detail: str) -> Response:
    return JSONResponse({"status": status, "detail": detail}, status, media_type="application/problem+json")
