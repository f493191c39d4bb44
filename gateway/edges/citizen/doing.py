"""What people and the officers who help them do alike: everything takes a `Reader`, nothing takes a pseudonym."""

from datetime import date, datetime, time, timedelta
from time import monotonic
from typing import Annotated, Any, cast

from fastapi import Query, Request
from pydantic import Field

from consent import Consent, register
from consent.errors import ConsentUnknown, NotFound

from ...citizen import Citizens, Reader
from ...citizen.finding import Period, Place
from ...citizen.reading import shown_agreement, shown_consent
from ...consent_receipts import Issued, issued
from ...model import Subject
from ...profile import Profile
from ...recording import Recording
from ..refusal import ProblemError
from ..v1.asking import bad, check_subject
from ..v1.recordings import refusals
from ..v1.shapes import Day, Shape
from . import contesting
from .contesting import ContestIn

MOST = 200
Limit = Annotated[int, Field(ge=1, le=MOST)]
From = Annotated[Day | None, Query(alias="from")]


class PeriodIn(Shape):
    """Days of a list, both included."""

    since: Day | None = Field(default=None, alias="from")
    to: Day | None = None


async def citizens(request: Request) -> Citizens:
    """A dependency: the part for people's own data."""
    return cast("Citizens", request.app.state.citizens)


def paced(here: Citizens, who: str) -> None:
    """Raise if somebody asks faster than people do. Raises ProblemError `too_many_requests`."""
    if wait := here.pace.wait(who, monotonic()):
        raise ProblemError("too_many_requests", "That was too fast; wait a little.", after_s=int(wait) + 1)


async def noted(here: Citizens, reader: Reader, what: str) -> None:
    """The entry of a look that shows nothing by itself."""
    with refusals():
        await here.reading.opened(reader, what)


async def uses(
    here: Citizens, reader: Reader, *, since: date | None, until: date | None, before: str, limit: int
) -> dict[str, Any]:
    """A page of uses, newest first. Both days are included."""
    place, period = place_of(before), period_of(since, until, here.services.profile)
    with refusals():
        receipt = await here.reading.opened(reader, "uses")
        page = await here.reading.page(reader.person_ref, period, place, limit)
    following = str(page.next) if page.next else None
    return {"uses": [each.wire() for each in page.uses], "next": following, "receipt": receipt}


async def consents(here: Citizens, reader: Reader) -> dict[str, Any]:
    """All of the person's consents."""
    with refusals():
        receipt = await here.reading.opened(reader, "consents")
        found = await here.reading.consents(reader.person_ref)
    words = await here.reading.words()
    now = here.services.gate.clock()
    return {"consents": [shown_consent(each, words, now) for each in found], "receipt": receipt}


async def agreements(here: Citizens, reader: Reader) -> dict[str, Any]:
    """The agreements that touched the person."""
    with refusals():
        receipt = await here.reading.opened(reader, "agreements")
        found = await here.reading.agreements(reader.person_ref)
    return {"agreements": [shown_agreement(each) for each in found], "receipt": receipt}


async def withdrawn(here: Citizens, reader: Reader, consent_id: str) -> dict[str, Any]:
    """Withdraw one of the person's own consents; counts from the next decision on. Others' do not exist."""
    services = here.services
    with refusals():
        kept = await _own_consent(here, reader, consent_id)
        recording = Recording(services.db, services.log, services.gate.clock)
        told = await recording.withdrawal(consent_id, controller=kept.controller, by=reader.by)
    return {"id": told.id, "outcome": told.outcome, "receipt": told.receipt or None}


async def consent_receipt(here: Citizens, reader: Reader, consent_id: str) -> Issued:
    """The signed receipt of one of the person's own consents, as it stands now."""
    services = here.services
    with refusals():
        kept = await _own_consent(here, reader, consent_id)
        await here.reading.opened(reader, "receipt")
    return issued(kept, services.trust, services.profile, services.gate.clock())


async def own_consent(here: Citizens, reader: Reader, consent_id: str) -> dict[str, Any]:
    """One of the person's own consents. Others' do not exist."""
    with refusals():
        kept = await _own_consent(here, reader, consent_id)
        await here.reading.opened(reader, "consents")
    return shown_consent(kept, await here.reading.words(), here.services.gate.clock())


async def _own_consent(here: Citizens, reader: Reader, consent_id: str) -> Consent:
    async with here.services.db.read() as connection:
        kept = await register.read_consent(connection, consent_id)
    if kept.subject_ref != reader.person_ref:
        raise ConsentUnknown
    return kept


async def contests(here: Citizens, reader: Reader) -> dict[str, Any]:
    """The person's cases."""
    with refusals():
        receipt = await here.reading.opened(reader, "contests")
        found = await here.contests.of_person(reader.person_ref)
    return {"contests": [each.wire(for_agency=False) for each in found], "receipt": receipt}


async def own_contest(here: Citizens, reader: Reader, contest_id: str) -> dict[str, Any]:
    """One of the person's own cases that is open. Others' do not exist."""
    with refusals():
        found = await here.contests.of_person(reader.person_ref)
        kept = next((each for each in found if each.id == contest_id and each.state == "open"), None)
        if kept is None:
            raise NotFound
        await here.reading.opened(reader, "contests")
    return kept.wire(for_agency=False)


async def contested(here: Citizens, reader: Reader, body: ContestIn) -> dict[str, Any]:
    """Open a case with the agency."""
    await _check_own(here, reader, body.subject.value())
    wish = await contesting.meant(here, reader, body)
    with refusals():
        id_, receipt = await here.contests.open(reader.person_ref, wish, by=reader.by)
    return {"id": id_, "state": "open", "receipt": receipt}


async def contest_withdrawn(here: Citizens, reader: Reader, contest_id: str) -> dict[str, Any]:
    """Take a case back."""
    with refusals():
        receipt = await here.contests.withdraw(contest_id, reader.person_ref, by=reader.by)
    return {"id": contest_id, "state": "withdrawn", "receipt": receipt}


def person_of(here: Citizens, subject: Subject) -> str:
    """The pseudonym of a subject whose numbers have the country's form and hold the person key.

    Raises:
        ProblemError: they do not.
    """
    check_subject(subject, here.services.profile)
    key = here.services.profile.person_key
    if key not in {each.type for each in subject.identifiers}:
        raise bad("identifier", f"Send the person's {key}.")
    return here.services.person_ref(subject)


async def _check_own(here: Citizens, reader: Reader, subject: Subject) -> None:
    """An agency shall look at this person's record: the key is theirs, and other numbers some consent vouches for."""
    mine = person_of(here, subject) == reader.person_ref
    vouched = {number for each in await here.reading.consents(reader.person_ref) for number in each.numbers}
    if not mine or not here.services.person_ref.unbound(subject, found_by_name=False) <= vouched:
        raise ProblemError("forbidden", "These are not the numbers that are known here as the person's own.")


def place_of(before: str) -> Place | None:
    """The place that a page stands before. Raises ProblemError."""
    try:
        return Place.read(before) if before else None
    except ValueError:
        raise bad("query", "`before` is the `next` of the page before.") from None


def period_of(since: date | None, until: date | None, profile: Profile) -> Period:
    """Both days included, as the calendar of the country has them."""
    first = datetime.combine(since, time(), profile.zone) if since else None
    last = datetime.combine(until + timedelta(days=1), time(), profile.zone) if until else None
    return Period(first, last)
