"""What an agency says in place of a record, as the manifest declares it: places in the answer, and what they mean.

```toml
means = { "/info" = "no_data", "/kood=9" = "unknown_person" }
```
A place is a JSON pointer, alone (something is there) or with the value that is there; or `status=404`, of an answer
over HTTP, before anything of it is read. The first that is met counts.
It is a table and stays one: what needs more than a place and a value is `adapter.py`.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from adapters.kit.contract import (
    AgencyCannotTell,
    AgencyError,
    AgencyHasNoSuchPerson,
    AgencyRefused,
    AgencyRejectedMessage,
    AgencyUnavailable,
    Service,
)
from adapters.kit.mapping import found_at

ERRORS: Mapping[str, tuple[type[AgencyError], str]] = {
    "unknown_person": (AgencyHasNoSuchPerson, "the agency does not know the person"),
    "ambiguous": (AgencyCannotTell, "the agency knows more than one such person"),
    "refused_by_source": (AgencyRefused, "the agency says no"),
    "our_error": (AgencyRejectedMessage, "the agency cannot read our message"),
    "source_down": (AgencyUnavailable, "the agency reports an error instead of an answer"),
}
NO_DATA = "no_data"


class Meant(NamedTuple):
    """An answer that has a record: the agency's own code, if a place names one, and whether there is nothing in it."""

    code: str = ""
    empty: bool = False


def meant(service: Service, payload: object) -> Meant:
    """What the answer means by the service's `means`.

    Raises:
        AgencyError: what it says in place of a record; the text names the place, never what stood there.
    """
    for pointer, wanted, outcome in _places(service):
        value = found_at(payload, pointer) if pointer.startswith("/") else None
        if value in (None, "", [], {}) or (wanted is not None and _text(value) != wanted):
            continue
        if outcome == NO_DATA:
            return Meant(wanted or "", empty=True)
        raise _error(outcome, pointer, wanted or "")
    return Meant()


def meant_by_status(service: Service, status: int) -> Meant | None:
    """What a status of HTTP means by the service's `means`: nothing there, or None where `means` does not say.

    Raises:
        AgencyError: as `meant`.
    """
    for place, wanted, outcome in _places(service):
        if (place, wanted) == ("status", str(status)):
            if outcome == NO_DATA:
                return Meant(str(status), empty=True)
            raise _error(outcome, "its status", str(status))
    return None


def _places(service: Service) -> Iterator[tuple[str, str | None, str]]:
    places = service.extra.get("means")
    for place, outcome in places.items() if isinstance(places, Mapping) else ():
        pointer, by_value, wanted = place.partition("=")
        yield pointer, wanted if by_value else None, outcome


def _error(outcome: str, place: str, code: str) -> AgencyError:
    kind, words = ERRORS[outcome]
    return kind(f"{words} at {place}", code=code)


def _text(value: object) -> str:
    """As JSON writes it: `true`, not `True`."""
    return str(value).lower() if isinstance(value, bool) else str(value)
