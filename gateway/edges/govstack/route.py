"""What the routes of the GovStack edge share: how a failure leaves, who calls, and how a list is paged.

The published file names 400 for every failure and gives it no body; here a failure has the status that says what it is,
and `{"code", "message"}`, the same for what the door refuses.
"""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from consent import member_of, store
from consent.errors import AgreementUnknown
from consent.store import RecordedAgreement

from ...consent_lines import Givers
from ...errors import NoEvidence
from ...model import Identifier, Subject
from ...recording import Recording
from ...trust.errors import NoIdentifier
from ...wiring import Services
from ..body import StrictRoute
from ..refusal import ProblemError
from ..v1.asking import check_subject
from ..v1.deps import Caller, caller, having, services
from ..v1.problems import CODES
from ..v1.recordings import refusals
from .agreements import Place, Term, agreement_id_of, established, revisions, term_of
from .changes import Records
from .records import Individual, Kept, individual_id

Offset = Annotated[int, Query(ge=0, le=10**9)]
Limit = Annotated[int, Query(ge=1, le=1000)]


class ConsentRoute(StrictRoute):
    """Bodies are read strictly, and failures leave in the shape of this edge."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, with its failures translated."""
        handle = super().get_route_handler()

        async def shaped(request: Request) -> Response:
            try:
                with refusals():
                    return await handle(request)
            except ProblemError as error:
                return failure(CODES[error.code].status, error.code, error.detail)
            except RequestValidationError as error:
                faults = sorted(
                    {"/".join(map(str, each["loc"])) for each in error.errors() if each["type"] == "missing"}
                )
                missing = f" Missing: {', '.join(faults)}." if faults else ""
                return failure(400, "bad_request.shape", f"It has not the published shape.{missing}")
            except NoIdentifier as error:
                return failure(400, "bad_request.identifier", error.detail)
            except NoEvidence as error:
                return failure(503, "no_evidence", error.detail)

        return shaped


def failure(status: int, code: str, text: str) -> Response:
    """A refusal in the shape of this edge."""
    return JSONResponse({"code": code, "message": text}, status)


@dataclass(frozen=True, slots=True)
class Here:
    """What a caller sees: its own member's part of the register, and for auditors all of it."""

    services: Services
    member: str
    sees_all: bool = False

    @property
    def place(self) -> Place:
        """For the objects that say where they are."""
        return Place(self.services.trust.origin, self.services.profile.country)

    @property
    def records(self) -> Records:
        """Changes of records with their log entries."""
        return Records(Recording(self.services.db, self.services.log))

    def givers(self) -> Givers:
        """Who may consent for whom, today."""
        return Givers(self.services.profile.givers, self.services.today())

    async def versions(self) -> dict[str, list[RecordedAgreement]]:
        """Agreement id -> its versions, oldest first; one that waits for a second officer does not exist yet."""
        async with self.services.db.read() as connection:
            found = await store.list_agreements(connection, None if self.sees_all else self.member)
        by_id: dict[str, list[RecordedAgreement]] = {}
        for each in filter(established, found):
            by_id.setdefault(each.agreement.id, []).append(each)
        return by_id

    async def agreement(self, id_: str) -> list[RecordedAgreement]:
        """The versions of one. Raises AgreementUnknown: there is none for this caller."""
        found = (await self.versions()).get(id_)
        if not found:
            raise AgreementUnknown
        return found

    async def term(self, id_: str) -> list[Term]:
        """A data agreement in the versions that have it, oldest first. Raises AgreementUnknown."""
        found = term_of(await self.agreement(agreement_id_of(id_)), id_)
        if not found:
            raise AgreementUnknown
        return found

    def person(self, kind: str, value: str) -> Individual:
        """Whom a number stands for, as this member knows the person.

        Raises:
            ProblemError: no number of this country.
        """
        subject = Subject((Identifier(kind, value),))
        check_subject(subject, self.services.profile)
        ref = self.services.person_ref(subject)
        numbers = self.services.person_ref.numbers(subject)
        return Individual(individual_id(ref, self.member), self.member, ref, kind, numbers)

    def shown(self, kept: Kept, *, whose: bool = True) -> dict[str, object]:
        """A record in the published shape; the person by the caller's own pseudonym, or not at all."""
        made: dict[str, object] = {
            "id": kept.id,
            "dataAgreementRevisionHash": kept.agreement_hash,
            "optIn": kept.opted_in,
            "state": kept.state,
        }
        return made | ({"individual": {"id": individual_id(kept.subject_ref, self.member)}} if whose else {})

    async def chain_of(self, term: Term) -> list[dict[str, Any]]:
        """The revisions of a data agreement, oldest first."""
        return revisions(await self.term(term.id), self.place)


def here_for(scope: str, *, sees_all: bool = False) -> Callable[..., Coroutine[Any, Any, Here]]:
    """A dependency: the caller's part, for a token with this scope."""

    async def made(
        who: Annotated[Caller, Depends(having(scope) if scope else caller)],
        found: Annotated[Services, Depends(services)],
    ) -> Here:
        return Here(found, member_of(who.system), sees_all)

    return made


async def individual_of(request: Request, individual_id: Annotated[str, Query(alias="individualId")] = "") -> str:
    """The individual that a request is about: from the query, or from the header that the published text speaks of.

    Raises:
        ProblemError: from neither.
    """
    found = individual_id or request.headers.get("x-consentbb-individualid", "")
    if not found:
        raise ProblemError("bad_request.query", "Name the person: individualId, or X-ConsentBB-IndividualId.")
    return found
