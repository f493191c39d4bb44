"""What a case may be about, and whose it becomes: of an exchange, only those who gave or received in it."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field, StringConstraints

from consent import member_of

from ...catalogue import Catalogue, Offer, UnknownService
from ...citizen import Citizens, Reader, Told, Wish
from ..refusal import ProblemError
from ..v1.asking import bad
from ..v1.shapes import Code, Reference, Shape, SubjectIn

Statement = Annotated[str, StringConstraints(min_length=1, max_length=2000)]
CHOOSE = "Choose which agency shall look at it: who gave the data, or who received it."
NO_PART = "This agency had no part in that exchange. Choose one that gave or received the data."
NOBODY_S = "That record is about no person."
OTHER_RECORD = "That exchange was about another record."


class ContestIn(Shape):
    """What is wrong: the record of one service, everything that an agency (`provider`) tells, or an `exchange`.

    Of an exchange `provider` is the side that shall look; it may be left out where the other one asked.
    """

    service: Code | None = None
    provider: Reference | None = None
    fields: Annotated[frozenset[Code], Field(max_length=50)] = frozenset()
    exchange: Reference | None = None
    statement: Statement
    subject: SubjectIn


async def meant(here: Citizens, reader: Reader, body: ContestIn) -> Wish:
    """The case that a body asks for.

    Raises:
        ProblemError: nobody can mean it so; `not_found` for an exchange that the person does not see.
    """
    numbers = [(each.type, each.value) for each in body.subject.value().identifiers]
    if body.exchange:
        told = await seen(here, reader, body.exchange)
        return _about_exchange(here.services.catalogue, told, body, numbers)
    provider, services = _about_record(here.services.catalogue, body)
    return Wish(provider, body.service or "", services, body.fields, body.statement, numbers)


async def seen(here: Citizens, reader: Reader, exchange: str) -> Told:
    """An exchange that the person sees, whichever of its two ids is given.

    Raises:
        ProblemError: `not_found`. What is not disclosed is not there, whoever's it is.
    """
    async for told in here.reading.everything(reader.person_ref):
        if not told.is_look and exchange in {told.use.says("exchange_id"), str(told.use.place)}:
            return told
    raise ProblemError("not_found", "There is no such exchange.")


def fields_in(told: Told, catalogue: Catalogue) -> frozenset[str]:
    """Of which parts one may say that they are wrong: what was given, or the record that an answer was drawn from."""
    own = _offered(catalogue, told.use.says("service"))
    given = frozenset(told.given)
    return given if given and (given <= own or not own) else own


def _about_exchange(catalogue: Catalogue, told: Told, body: ContestIn, numbers: list[tuple[str, str]]) -> Wish:
    service = told.use.says("service")
    if body.service and body.service != service:
        raise bad("service", OTHER_RECORD)
    if not body.fields <= _offered(catalogue, service) | frozenset(told.given):
        raise bad("fields", "That exchange had no such field; GET /v1/my/uses names what was given.")
    chosen, exchange = _chosen(told, body.provider), told.use.says("exchange_id") or str(told.use.place)
    if chosen == told.giver:
        return Wish(chosen, service, frozenset({service}), body.fields, body.statement, numbers, exchange)
    marks = frozenset((chosen, *(each.service.id for each in _of(catalogue, chosen))))
    return Wish(chosen, service, marks, body.fields, body.statement, numbers, exchange, marks_all=True)


def _chosen(told: Told, provider: str | None) -> str:
    """The side that shall look: the one who was asked, unless the person says which."""
    if provider:
        if member_of(provider) not in told.sides:
            raise bad("service", NO_PART)
        return member_of(provider)
    if told.is_handed_over and len(told.sides) > 1:
        raise bad("service", CHOOSE)
    return told.giver


def _about_record(catalogue: Catalogue, body: ContestIn) -> tuple[str, frozenset[str]]:
    """Whose record it is, and the services that tell it."""
    if bool(body.service) == bool(body.provider):
        raise bad("shape", "Give either `service` or `provider`.")
    if body.service:
        try:
            offer = catalogue.offer(body.service)
        except UnknownService as error:
            raise bad("service", f"{error}.") from error
        if offer.service.sensitivity == "open":
            raise bad("service", NOBODY_S)
        if not body.fields <= offer.service.fields:
            raise bad("fields", "The service has no such field; GET /v1/my/uses names what was given.")
        return offer.provider, frozenset({body.service})
    of = list(_of(catalogue, body.provider or ""))
    if not of or body.fields:
        raise bad("service", "No agency of that id tells anything here; or name a `service` together with fields.")
    told = (each.service.id for each in of)
    return of[0].provider, frozenset((member_of(of[0].provider), *told))  # the member: what it hands over to others


def _of(catalogue: Catalogue, agency: str) -> Iterator[Offer]:
    """What a member, or a system, offers."""
    return (each for each in catalogue if agency in {each.provider, member_of(each.provider)})


def _offered(catalogue: Catalogue, service: str) -> frozenset[str]:
    """The fields of a service; none if nobody offers it any more."""
    try:
        return catalogue.offer(service).service.fields
    except UnknownService:
        return frozenset()
