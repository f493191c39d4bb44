"""The FHIR endpoint: one search, and a refusal for everything else."""

from collections.abc import Mapping
from typing import Protocol

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

import schemas
from sandbox.client_tokens import TokenIssuer
from sandbox.faults import Faults, Faulty
from sandbox.fhir import TOKEN_LIFETIME_S, WRONG, Refused, check_access, fhir, form_of, only_post, outcome
from sandbox.population.certificates import MedicalCertificate

from .documents import CERTIFICATE, PERSON, searchset
from .settings import SCOPE, HealthSettings

SEARCH = "agency/own/health-certificate.json#/$defs/search"
KNOWN = {"identifier", "patient.identifier", "_elements", "_count", "_format"}


class Records(Protocol):
    """The part of the population's registers this agency reads."""

    def certificate_by_number(self, number: str) -> MedicalCertificate | None:
        """The certificate with this number."""


def build(records: Records, settings: HealthSettings, faults: Faults) -> Starlette:
    """The agency as an ASGI app, to be mounted where `settings.url` points."""
    tokens = TokenIssuer("health", settings.clients, settings.token_secret, lifetime_s=TOKEN_LIFETIME_S)

    async def search(request: Request) -> Response:
        try:
            check_access(request, tokens, SCOPE)
            return fhir(_found(records, await form_of(request, KNOWN), tells_all=settings.tells_all))
        except Refused as refusal:
            return outcome(refusal)

    async def other(request: Request) -> Response:
        try:
            check_access(request, tokens, SCOPE)
        except Refused as refusal:
            return outcome(refusal)
        return outcome(Refused(403, "forbidden", "only the search for certificates is open"))

    return Starlette(
        routes=[
            Route("/oauth2/token", tokens.endpoint, methods=["POST"]),
            Route("/DocumentReference/_search", search, methods=["POST"]),
            Route("/DocumentReference/_search", only_post, methods=["GET", "PUT", "DELETE", "PATCH"]),
            Route("/{path:path}", other, methods=["GET", "POST", "PUT", "DELETE", "PATCH"]),
        ],
        middleware=[Middleware(Faulty, faults=faults, answers=WRONG)],
    )


def _found(records: Records, asked: Mapping[str, str], *, tells_all: bool) -> dict[str, object]:
    number, person = _token(asked, "identifier", CERTIFICATE), _token(asked, "patient.identifier", PERSON)
    _check_shape({name: value for name, value in asked.items() if name in KNOWN})
    record = records.certificate_by_number(number)
    matched = [record] if record is not None and record.nic == person else []
    elements = frozenset() if tells_all else frozenset(filter(None, asked.get("_elements", "").split(",")))
    return searchset(matched, elements)


def _check_shape(form: Mapping[str, str]) -> None:
    if (fault := schemas.first_fault(schemas.validator(SEARCH), form)) is not None:
        raise Refused(400, "invalid", f"the form breaks its schema at {fault}")


def _token(asked: Mapping[str, str], name: str, system: str) -> str:
    """The value of `system|value`."""
    if name not in asked:
        raise Refused(400, "required", f"{name} is missing")
    told, _, value = asked[name].partition("|")
    if told != system or not value:
        raise Refused(400, "invalid", f"{name} is written {system}|value")
    return value
