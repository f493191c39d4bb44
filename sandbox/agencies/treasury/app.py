"""The routes of the profile, and the alerts that the treasury sends."""

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import jsonschema
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.bearer import Handled, Refused, asked, refusing
from sandbox.faults import Faults, Faulty, WrongAnswers
from sandbox.jcs import canonical
from sandbox.jose import KeySet
from sandbox.strict_xml import SCHEMAS

from .book import TOO_FEW, Book, expected
from .settings import TreasurySettings

MOST_BYTES = 256 * 1024
SHAPES = "treasury-reports.json#/$defs"
REPORT, LETTER = (
    jsonschema.Draft202012Validator(json.loads((SCHEMAS / f"canonical/{each}.v1.json").read_text()))
    for each in ("unit-report", "allocation-letter")
)


def build(book: Book, settings: TreasurySettings, faults: Faults) -> Starlette:
    """The agency as an ASGI app, to be mounted where its settings' `url` points."""
    keys = settings.reporters

    def guarded(shape: str, answer: Callable[[dict[str, Any]], dict[str, object]]) -> Handled:
        async def route(request: Request) -> Response:
            return JSONResponse(
                answer(await asked(request, settings.token, f"{SHAPES}/{shape}", most_bytes=MOST_BYTES))
            )

        return refusing(route)

    def report(body: dict[str, Any]) -> dict[str, object]:
        return book.receive(_signed_report(body, keys))

    def letter(body: dict[str, Any]) -> dict[str, object]:
        return book.allot(_signed_letter(body, keys))

    def state(body: dict[str, Any]) -> dict[str, object]:
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
            Route("/v1/reports", guarded("report", report), methods=["POST"]),
            Route("/v1/reports/state", guarded("state", state), methods=["POST"]),
            Route("/v1/allocations", guarded("allocation", letter), methods=["POST"]),
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


def _signed_letter(body: Mapping[str, Any], keys: KeySet) -> Mapping[str, Any]:
    """The allocation letter of a request that fits the profile in every respect."""
    letter = body["letter"]
    if not LETTER.is_valid(letter) or sum(Decimal(each["amount"]) for each in letter["zones"]) != Decimal(
        letter["total"]
    ):
        raise Refused(400, "LETTER_INVALID", "the letter breaks the schema of the profile, or its total is not the sum")
    if not keys.signed(canonical(letter), body["signature"]):
        raise Refused(403, "SIGNATURE_INVALID", "the letter is not signed with the registered key")
    if not letter["letter"].endswith(f"-{letter['unit']}-{letter['month']}"):
        raise Refused(400, "REFERENCE_INVALID", "the reference says another unit or month")
    if not all(each["zone"].startswith(letter["unit"]) for each in letter["zones"]):
        raise Refused(400, "LETTER_INVALID", "a zone of another unit")
    return dict(letter)
