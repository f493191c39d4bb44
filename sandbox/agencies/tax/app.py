"""The routes. Every answer and refusal goes through `_Agency.guarded`: token, scope, headers, then the question."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Protocol
from uuid import uuid4

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox import strict
from sandbox.client_tokens import TokenIssuer, TokenRefused
from sandbox.faults import Faults, Faulty, WrongAnswers
from sandbox.person import TaxRecord

from . import answers, asked
from .errors import Refused, invalid, matching_failed, not_found
from .settings import SCOPE, TaxSettings

MEDIA_TYPE = "application/vnd.hmrc.2.0+json"


class Records(Protocol):
    """The part of the population's registers this agency reads."""

    def tax_by_tin(self, tin: str) -> TaxRecord | None:
        """The taxpayer with this number."""


@dataclass(frozen=True, slots=True)
class _Match:
    record: TaxRecord
    ends: float  # monotonic seconds


def build(records: Records, settings: TaxSettings, faults: Faults) -> Starlette:
    """The agency as an ASGI app, to be mounted where `settings.url` points."""
    agency = _Agency(records, settings)
    paths: dict[str, tuple[str, Callable[[Request], Awaitable[object]]]] = {
        "/individuals/matching/": ("POST", agency.match),
        "/individuals/matching/{matchId}": ("GET", agency.individual),
        "/individuals/employments/": ("GET", agency.employments_index),
        "/individuals/employments/paye": ("GET", agency.employments),
        "/individuals/income/": ("GET", agency.income_index),
        "/individuals/income/paye": ("GET", agency.income),
        "/individuals/income/sa": ("GET", agency.self_assessment),
        "/individuals/income/sa/further-details": ("GET", agency.further_details),
    }
    routes = [Route(path, agency.guarded(answer), methods=[method]) for path, (method, answer) in paths.items()]
    wrong = WrongAnswers(
        media_type="application/json",
        wrong_schema=b'{"_links":[],"employments":{},"paye":[],"selfAssessment":[]}',
        refuse=lambda _: Refused(403, "INVALID_SCOPE", "Cannot access the required resource").response(),
        always_right=("/oauth/token",),
    )
    app = Starlette(
        routes=[Route("/oauth/token", agency.tokens.endpoint, methods=["POST"]), *routes],
        middleware=[Middleware(Faulty, faults=faults, answers=wrong)],
        exception_handlers={HTTPException: _no_route},
    )
    app.router.redirect_slashes = False
    return app


def _no_route(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        return Refused(405, "METHOD_NOT_ALLOWED", "Use the method of the contract").response()
    return not_found().response()


class _Agency:
    """Answers, and the state an answer needs: match ids and the second's count of requests."""

    def __init__(self, records: Records, settings: TaxSettings) -> None:
        self._records = records
        self._settings = settings
        self._matches: dict[str, _Match] = {}
        self._second = (0, 0)
        self.tokens = TokenIssuer("tax", settings.clients, settings.token_secret, lifetime_s=settings.token_valid_s)

    def guarded(self, answer: Callable[[Request], Awaitable[object]]) -> Callable[[Request], Awaitable[Response]]:
        """Wrap one answer into the checks every endpoint shares. `CorrelationId` is echoed, as HMRC does."""

        async def endpoint(request: Request) -> Response:
            try:
                self._check(request)
                response: Response = JSONResponse(await answer(request))
            except Refused as refusal:
                response = refusal.response()
            correlation = request.headers.get("CorrelationId", "")
            if asked.is_correlation_id(correlation):
                response.headers["CorrelationId"] = correlation
            return response

        return endpoint

    def _check(self, request: Request) -> None:
        if request.headers.get("authorization") is None:
            raise Refused(401, "MISSING_CREDENTIALS", "Authentication information is not provided")
        try:
            grant = self.tokens.check(request.headers["authorization"])
        except TokenRefused:
            raise Refused(401, "INVALID_CREDENTIALS", "Invalid Authentication information provided") from None
        if SCOPE not in grant.scopes:
            raise Refused(403, "INVALID_SCOPE", "Cannot access the required resource: ask for another scope")
        self._count()
        if request.headers.get("accept") != MEDIA_TYPE:
            raise Refused(406, "ACCEPT_HEADER_INVALID", "The accept header is missing or invalid")
        if not asked.is_correlation_id(request.headers.get("CorrelationId", "")):
            raise invalid("the CorrelationId header is required and is a UUID")

    def _count(self) -> None:
        second = int(time.monotonic())
        seen = self._second[1] if self._second[0] == second else 0
        if self._settings.per_second and seen >= self._settings.per_second:
            raise Refused(429, "MESSAGE_THROTTLED_OUT", "The request quota is exceeded: wait a second")
        self._second = (second, seen + 1)

    async def match(self, request: Request) -> object:
        """First letter of the first name, first three of the last, number and birth date must be identical."""
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise Refused(415, "UNSUPPORTED_MEDIA_TYPE", "Send application/json")
        try:
            body = strict.loads(await strict.bounded(request.stream()))
        except strict.NotStrictJson as error:
            raise invalid(str(error)) from None
        except strict.BodyTooLarge as error:
            raise Refused(413, "REQUEST_TOO_LARGE", str(error)) from None
        sought = asked.candidate(body)
        record = self._records.tax_by_tin(sought.nino)
        if record is None or not _same(sought, record):
            raise matching_failed()
        return answers.matched(self._remember(record))

    def _remember(self, record: TaxRecord) -> str:
        now = time.monotonic()
        while self._matches and next(iter(self._matches.values())).ends <= now:  # in the order they were given out
            del self._matches[next(iter(self._matches))]
        match_id = str(uuid4())
        self._matches[match_id] = _Match(record, now + self._settings.match_valid_s)
        return match_id

    def _matched(self, match_id: str) -> TaxRecord:
        match = self._matches.get(match_id)
        if match is None or match.ends <= time.monotonic():
            raise not_found()
        return match.record

    @property
    def _today(self) -> date:
        return self._settings.today or datetime.now(UTC).date()

    async def individual(self, request: Request) -> object:
        """`GET /individuals/matching/{matchId}`."""
        match_id = asked.normal_match_id(request.path_params["matchId"])
        return answers.individual(match_id, self._matched(match_id))

    async def employments_index(self, request: Request) -> object:
        """`GET /individuals/employments/`."""
        match_id = asked.match_id(request.query_params)
        self._matched(match_id)
        return answers.employments_index(match_id)

    async def income_index(self, request: Request) -> object:
        """`GET /individuals/income/`."""
        match_id = asked.match_id(request.query_params)
        self._matched(match_id)
        return answers.income_index(match_id)

    async def employments(self, request: Request) -> object:
        """`GET /individuals/employments/paye`."""
        query = request.query_params
        match_id, period = asked.match_id(query), asked.days(query, self._today)
        only = asked.paye_reference(query)
        return answers.paye_employments(self._matched(match_id), period, self._today, _own(request), only)

    async def income(self, request: Request) -> object:
        """`GET /individuals/income/paye`."""
        query = request.query_params
        match_id, period = asked.match_id(query), asked.days(query, self._today)
        return answers.paye_income(self._matched(match_id), period, self._today, _own(request))

    async def self_assessment(self, request: Request) -> object:
        """`GET /individuals/income/sa`."""
        query = request.query_params
        match_id, years = asked.match_id(query), asked.tax_years(query, self._today)
        return answers.self_assessment(self._matched(match_id), years, self._today, _own(request), match_id)

    async def further_details(self, request: Request) -> object:
        """`GET /individuals/income/sa/further-details`."""
        query = request.query_params
        match_id, years = asked.match_id(query), asked.tax_years(query, self._today)
        return answers.further_details(self._matched(match_id), years, self._today, _own(request))


def _same(sought: asked.Candidate, record: TaxRecord) -> bool:
    return (
        sought.first_name[:1] == record.first_name[:1]
        and sought.last_name[:3] == record.last_name[:3]
        and sought.birth_date == record.birth_date
    )


def _own(request: Request) -> str:
    """The asked resource as the contract writes it: below the base URL."""
    root = request.scope.get("root_path", "")
    return f"{request.url.path.removeprefix(root)}?{request.url.query}"
