"""The two routes of the profile, and the alerts that the treasury sends."""

import json
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import httpx
import jsonschema
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox import strict
from sandbox.faults import Faults, Faulty, WrongAnswers
from sandbox.jcs import canonical
from sandbox.jose import KeySet
from sandbox.strict_xml import SCHEMAS

from .book import TOO_FEW, Book, expected
from .settings import TreasurySettings

MOST_BYTES = 256 * 1024
REPORT: Final = jsonschema.Draft202012Validator(json.loads((SCHEMAS / "canonical/unit-report.v1.json").read_text()))


class Refused(Exception):
    """The request is not answered; `code` is one of the profile's."""

    def __init__(self, status: int, code: str, text: str) -> None:
        super().__init__(text)
        self.status, self.code, self.text = status, code, text

    def response(self) -> Response:
        return JSONResponse({"code": self.code, "message": self.text}, self.status)


def build(book: Book, settings: TreasurySettings, faults: Faults) -> Starlette:
    """The agency as an ASGI app, to be mounted where its settings' `url` points."""
    keys = settings.reporters

    def guarded(answer: Callable[[Mapping[str, Any]], dict[str, object]]) -> Callable[[Request], Awaitable[Response]]:
        async def route(request: Request) -> Response:
            try:
                _check_token(request, settings.token)
                return JSONResponse(answer(await _body(request)))
            except Refused as refused:
                return refused.response()

        return route

    def report(body: Mapping[str, Any]) -> dict[str, object]:
        return book.receive(_signed_report(body, keys))

    def state(body: Mapping[str, Any]) -> dict[str, object]:
        if body.keys() != {"report"} or not isinstance(body["report"], str):
            raise Refused(400, "REQUEST_INVALID", "send report, and nothing else")
        try:
            return book.state(body["report"])
        except KeyError:
            raise Refused(404, "REPORT_UNKNOWN", "nobody waits for such a report") from None

    wrong = WrongAnswers(
        media_type="application/json",
        wrong_schema=b'{"report":"RPT-1","state":"FINE"}',
        refuse=lambda _: Refused(403, "NOT_ALLOWED", "the client may not report").response(),
    )
    return Starlette(
        routes=[
            Route("/v1/reports", guarded(report), methods=["POST"]),
            Route("/v1/reports/state", guarded(state), methods=["POST"]),
        ],
        middleware=[Middleware(Faulty, faults=faults, answers=wrong)],
    )


async def alert(book: Book, settings: TreasurySettings, hook: str) -> Sequence[int]:
    """Tell the partner's hook of every overdue report; gives the answers' statuses."""
    async with httpx.AsyncClient(timeout=10, trust_env=False) as client:
        return [await _alerted(client, settings, hook, each) for each in book.overdue()]


async def _alerted(
    client: httpx.AsyncClient, settings: TreasurySettings, hook: str, state: Mapping[str, object]
) -> int:
    made = {
        "id": f"late-{state['report']}-{secrets.token_hex(4)}",
        "report": state["report"],
        "dueOn": state["dueOn"],
        "sentAt": datetime.now(UTC).isoformat(),
    }
    body = json.dumps(made).encode()
    headers = {"content-type": "application/json", "x-treasury-signature": settings.key.detached(body)}
    return (await client.post(hook, content=body, headers=headers)).status_code


def _signed_report(body: Mapping[str, Any], keys: KeySet) -> Mapping[str, Any]:
    """The report of a request that fits the profile in every respect."""
    if body.keys() != {"report", "signature"} or not isinstance(body["signature"], str):
        raise Refused(400, "REQUEST_INVALID", "send report and signature, and nothing else")
    report = body["report"]
    if not REPORT.is_valid(report):
        raise Refused(400, "REPORT_INVALID", "the report breaks the schema of the profile")
    if not keys.signed(canonical(report), body["signature"]):
        raise Refused(403, "SIGNATURE_INVALID", "the report is not signed with the registered key")
    known = expected(report["report"])
    if known is None or (known.kind, known.unit, known.month) != (report["kind"], report["unit"], report["month"]):
        raise Refused(400, "REFERENCE_INVALID", "the reference says another kind, unit or month")
    told = [each["people"] for each in report["lines"]]
    hidden = [each for each in report["lines"] if each["people"] is None]
    if any(count is not None and 0 < count < TOO_FEW for count in told) or any(each["amount"] for each in hidden):
        raise Refused(422, "SMALL_COUNT", "counts of one to four people, and their amounts, are left out")
    if len(hidden) == 1 and any(told):
        raise Refused(422, "SMALL_COUNT", "one line left out alone can be worked out: leave out a second one")
    return dict(report)


def _check_token(request: Request, token: str) -> None:
    shown = request.headers.get("authorization", "")
    if not secrets.compare_digest(shown.encode(), f"Bearer {token}".encode()):
        raise Refused(401, "TOKEN_INVALID", "send Authorization: Bearer <token>")


async def _body(request: Request) -> Mapping[str, Any]:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Refused(415, "REQUEST_INVALID", "send application/json")
    try:
        body = strict.loads(await strict.bounded(request.stream(), MOST_BYTES))
    except strict.BodyTooLarge as error:
        raise Refused(413, "REQUEST_INVALID", str(error)) from None
    except strict.NotStrictJson as error:
        raise Refused(400, "REQUEST_INVALID", f"the body is not acceptable JSON: {error}") from None
    if not isinstance(body, Mapping):
        raise Refused(400, "REQUEST_INVALID", "send a JSON object")
    return body
