"""Changing what a member described: descriptions are fetched first, then rows and entries in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass

from adapters.kit import strict_json
from adapters.kit.contract import AgencyError
from adapters.kit.guarded import dialled
from adapters.kit.http_client import Limits
from audit import Entry, new_id

from ...gate import utc_now
from ...trust.addresses import check_address
from ...wiring import Services
from . import described
from .route import MediatorError

LIMITS = Limits(timeout_s=10.0, attempts=1, concurrent=2, max_bytes=1024 * 1024)


@dataclass(frozen=True, slots=True)
class Change:
    """A service that is described anew."""

    application: str
    code: str
    spec_url: str
    service_url: str


async def changed(changes: Sequence[Change], member: str, by: str, here: Services, *, replacing: bool) -> str:
    """Describe these services; with `replacing`, those of the member that are not among them are taken out.

    Returns:
        What was done, in words.

    Raises:
        AddressRefused, MediatorError: a description may not be fetched, or is none.
    """
    documents = [await _document(each, here) for each in changes]
    now, gone = utc_now(), list[described.Described]()
    async with here.db.write() as connection:
        if replacing:
            named = {(each.application, each.code) for each in changes}
            own = await described.of_member(connection, member)
            gone = [each for each in own if (each.application, each.code) not in named]
        for old in gone:
            await described.remove(connection, old.application, old.code)
        for each, document in zip(changes, documents, strict=True):
            made = described.Described(each.application, each.code, each.spec_url, each.service_url, document)
            await described.put(connection, made, now)
        facts = {
            "by": by,
            "described": sorted(f"{each.application}/{each.code}" for each in changes),
            "removed": sorted(f"{each.application}/{each.code}" for each in gone),
        }
        await here.log.append_in(connection, Entry(new_id(now), "mediator.configured", now, facts))
    return f"{len(changes)} services described, {len(gone)} removed"


async def _document(change: Change, here: Services) -> str:
    """The OpenAPI 3 description as it lies at `specUrl`, in JSON."""
    check_address(f"specUrl of {change.code}", change.spec_url, here.trust.may_dial)
    try:
        answer = await dialled(here.dialler, LIMITS)("GET", change.spec_url, {"accept": "application/json"}, b"")
    except AgencyError as error:
        raise _refused(change, f"cannot be fetched: {error}") from None
    try:
        read = strict_json.loads(answer.body)
    except strict_json.StrictError as error:
        raise _refused(change, f"is not JSON: {error}") from None
    if answer.status != 200 or not isinstance(read, dict) or not str(read.get("openapi", "")).startswith("3."):
        raise _refused(change, "does not lead to an OpenAPI 3 document")
    return answer.body.decode()


def _refused(change: Change, why: str) -> MediatorError:
    return MediatorError(400, "bad_request.address", f"specUrl of {change.code} {why}.")
