"""The FHIR endpoint: one search, and a refusal for everything else."""

import json
from collections.abc import Mapping
from typing import Final, Protocol
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.client_tokens import TokenIssuer, TokenRefused
from sandbox.faults import Faults, Faulty, WrongAnswers
from sandbox.population.certificates import MedicalCertificate
from sandbox.strict import BodyTooLarge, bounded

from .documents import CERTIFICATE, PERSON, searchset
from .settings import SCOPE, HealthSettings

FHIR: Final = "application/fhir+json"
MOST_BYTES = 8192
KNOWN = {"identifier", "patient.identifier", "_elements", "_count", "_format"}
TOKEN_LIFETIME_S = 600


class Records(Protocol):
    """The part of the population's registers this agency reads."""

    def certificate_by_number(self, number: str) -> MedicalCertificate | None:
        """The certificate with this number."""


class Refused(Exception):
    """An interaction that is not served: HTTP status and issue code. The text never repeats what was sent."""

    def __init__(self, status: int, code: str, text: str) -> None:
        super().__init__(code)
        self.status, self.code, self.text = status, code, text


def build(records: Records, settings: HealthSettings, faults: Faults) -> Starlette:
    """The agency as an ASGI app, to be mounted where `settings.url` points."""
    tokens = TokenIssuer("health", settings.clients, settings.token_secret, lifetime_s=TOKEN_LIFETIME_S)

    async def search(request: Request) -> Response:
        try:
            _check_access(request, tokens)
            return _fhir(_found(records, await _asked(request), tells_all=settings.tells_all))
        except Refused as refusal:
            return _outcome(refusal)

    async def other(request: Request) -> Response:
        try:
            _check_access(request, tokens)
        except Refused as refusal:
            return _outcome(refusal)
        return _outcome(Refused(403, "forbidden", "only the search for certificates is open"))

    wrong = WrongAnswers(
        FHIR,
        b'{"resourceType": "Patient", "name": [{"text": "somebody"}]}',
        lambda _path: _outcome(Refused(403, "forbidden", "the register does not answer this client")),
        always_right=("/oauth2/token",),
    )
    return Starlette(
        routes=[
            Route("/oauth2/token", tokens.endpoint, methods=["POST"]),
            Route("/DocumentReference/_search", search, methods=["POST"]),
            Route("/DocumentReference/_search", _only_post, methods=["GET", "PUT", "DELETE", "PATCH"]),
            Route("/{path:path}", other, methods=["GET", "POST", "PUT", "DELETE", "PATCH"]),
        ],
        middleware=[Middleware(Faulty, faults=faults, answers=wrong)],
    )


async def _only_post(_: Request) -> Response:
    return _outcome(Refused(405, "not-supported", "search by POST: a GET has numbers of people in its address"))


def _check_access(request: Request, tokens: TokenIssuer) -> None:
    try:
        grant = tokens.check(request.headers.get("authorization", ""))
    except TokenRefused as error:
        raise Refused(401, "login", str(error)) from None
    if SCOPE not in grant.scopes:
        raise Refused(403, "forbidden", f"the scope {SCOPE} is missing")


async def _asked(request: Request) -> Mapping[str, str]:
    """The parameters of a search, each once."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
        raise Refused(415, "not-supported", "send application/x-www-form-urlencoded")
    if FHIR not in request.headers.get("accept", ""):
        raise Refused(406, "not-supported", f"accept {FHIR}")
    try:
        body = await bounded(request.stream(), MOST_BYTES)
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, strict_parsing=True) if body else []
    except BodyTooLarge:
        raise Refused(413, "too-long", f"send at most {MOST_BYTES} bytes") from None
    except ValueError:
        raise Refused(400, "invalid", "the form cannot be read") from None
    asked = dict(pairs)
    if len(asked) != len(pairs):
        raise Refused(400, "invalid", "a parameter is there twice")
    if "handling=strict" in request.headers.get("prefer", "") and not asked.keys() <= KNOWN:
        raise Refused(400, "not-supported", "a parameter that this search does not have")
    return asked


def _found(records: Records, asked: Mapping[str, str], *, tells_all: bool) -> dict[str, object]:
    number, person = _token(asked, "identifier", CERTIFICATE), _token(asked, "patient.identifier", PERSON)
    record = records.certificate_by_number(number)
    matched = [record] if record is not None and record.nic == person else []
    elements = frozenset() if tells_all else frozenset(filter(None, asked.get("_elements", "").split(",")))
    return searchset(matched, elements)


def _token(asked: Mapping[str, str], name: str, system: str) -> str:
    """The value of `system|value`."""
    if name not in asked:
        raise Refused(400, "required", f"{name} is missing")
    told, _, value = asked[name].partition("|")
    if told != system or not value:
        raise Refused(400, "invalid", f"{name} is written {system}|value")
    return value


def _outcome(refusal: Refused) -> Response:
    issue = {"severity": "error", "code": refusal.code, "diagnostics": refusal.text}
    return _fhir({"resourceType": "OperationOutcome", "issue": [issue]}, refusal.status)


def _fhir(content: Mapping[str, object], status: int = 200) -> Response:
    return Response(json.dumps(content, ensure_ascii=False).encode(), status, media_type=FHIR)
