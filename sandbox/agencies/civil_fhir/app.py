"""The FHIR endpoint: a search for Patients by POST, its further pages by GET, and a refusal for everything else."""

import secrets
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, Protocol

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.client_tokens import TokenIssuer
from sandbox.faults import Faults, Faulty
from sandbox.fhir import TOKEN_LIFETIME_S, WRONG, Refused, check_access, fhir, form_of, only_post, outcome
from sandbox.person import CivilRecord

from .patients import NIC, Patient, patients, searchset
from .settings import SCOPE, CivilFhirSettings

KNOWN: Final = {"identifier", "birthdate", "_elements", "_count", "_format"}
KEPT: Final = 1000  # searches whose further pages can still be fetched


class Records(Protocol):
    """The part of the population's registers this agency reads."""

    def civil_by_nic(self, nic: str) -> Sequence[CivilRecord]:
        """Records whose birth registration carries this 12-digit number."""

    def civil_by_birth_date(self, day: date) -> Sequence[CivilRecord]:
        """Records of people born on this day."""


@dataclass(frozen=True, slots=True)
class Search:
    """What a search found, kept for its further pages."""

    found: Sequence[Patient]
    elements: frozenset[str]
    size: int


def build(records: Records, settings: CivilFhirSettings, faults: Faults) -> Starlette:
    """The agency as an ASGI app, to be mounted where `settings.url` points."""
    tokens = TokenIssuer("civil_fhir", settings.clients, settings.token_secret, lifetime_s=TOKEN_LIFETIME_S)
    pages = _Pages(settings.url)

    async def search(request: Request) -> Response:
        try:
            check_access(request, tokens, SCOPE)
            return fhir(pages.first(_found(records, await form_of(request, KNOWN), settings.page)))
        except Refused as refusal:
            return outcome(refusal)

    async def further(request: Request) -> Response:
        try:
            check_access(request, tokens, SCOPE)
            return fhir(pages.further(request.query_params.get("_getpages", "")))
        except Refused as refusal:
            return outcome(refusal)

    async def other(request: Request) -> Response:
        try:
            check_access(request, tokens, SCOPE)
        except Refused as refusal:
            return outcome(refusal)
        return outcome(Refused(403, "forbidden", "only the search for Patients is open"))

    return Starlette(
        routes=[
            Route("/oauth2/token", tokens.endpoint, methods=["POST"]),
            Route("/Patient/_search", search, methods=["POST"]),
            Route("/Patient/_search", only_post, methods=["GET", "PUT", "DELETE", "PATCH"]),
            Route("/", further, methods=["GET"]),
            Route("/{path:path}", other, methods=["GET", "POST", "PUT", "DELETE", "PATCH"]),
        ],
        middleware=[Middleware(Faulty, faults=faults, answers=WRONG)],
    )


class _Pages:
    """Searches with more than a page, each further one under an address that says nothing of whom it is about."""

    def __init__(self, base: str) -> None:
        self._base = base
        self._kept: OrderedDict[str, tuple[Search, int]] = OrderedDict()

    def first(self, search: Search) -> Mapping[str, object]:
        """The first page; its own address is that of the search, without what was searched for."""
        return self._page(search, 0, f"{self._base}/Patient/_search")

    def further(self, token: str) -> Mapping[str, object]:
        """A page by its token. It can be fetched again, as long as it is kept.

        Raises:
            Refused: 410, no such page any more.
        """
        if token not in self._kept:
            raise Refused(410, "not-found", "the page is no longer kept: search again")
        search, start = self._kept[token]
        return self._page(search, start, f"{self._base}/?_getpages={token}")

    def _page(self, search: Search, start: int, own: str) -> Mapping[str, object]:
        end, more = start + search.size, ""
        if end < len(search.found):
            token = secrets.token_urlsafe(16)
            self._kept[token] = (search, end)
            more = f"{self._base}/?_getpages={token}"
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        shown, total = search.found[start:end], len(search.found)
        return searchset(shown, search.elements, self._base, own=own, more=more, total=total)


def _found(records: Records, asked: Mapping[str, str], largest: int) -> Search:
    """Patients with the number, or born on the day; both narrow the other."""
    if "identifier" not in asked and "birthdate" not in asked:
        raise Refused(403, "too-costly", "search by identifier or by birthdate")
    day = _day(asked["birthdate"]) if "birthdate" in asked else None
    if "identifier" in asked:
        number = _number(asked["identifier"])
        held = [each for each in records.civil_by_nic(number) if day in {None, each.birth_date}]
        found = [each for record in held for each in patients(record) if _carries(each, number)]
    else:
        assert day is not None  # one of the two is there
        found = [each for record in records.civil_by_birth_date(day) for each in patients(record)]
    count = asked.get("_count", str(largest))
    if not count.isdecimal() or int(count[:6]) == 0:
        raise Refused(400, "invalid", "_count is a number above nought")
    elements = frozenset(filter(None, asked.get("_elements", "").split(",")))
    return Search(found, elements, min(int(count[:6]), largest))


def _carries(patient: Patient, number: str) -> bool:
    identifiers = patient["identifier"]
    assert isinstance(identifiers, list)
    return {"system": NIC, "value": number} in identifiers


def _number(text: str) -> str:
    system, _, value = text.partition("|")
    if system != NIC or not value:
        raise Refused(400, "invalid", f"identifier is written {NIC}|value")
    return value


def _day(text: str) -> date:
    """One day, with or without `eq`. Other prefixes would give half the country."""
    try:
        return date.fromisoformat(text.removeprefix("eq"))
    except ValueError:
        raise Refused(400, "invalid", "birthdate is one day, YYYY-MM-DD") from None
