"""What an agency says in place of a record, as the manifest declares it: places in the answer, and what they mean.

```toml
means = { "/info" = "no_data", "/kood=9" = "unknown_person" }
```
A place is a JSON pointer, alone (something is there) or with the value that is there. The first that is met counts.
It is a table and stays one: what needs more than a place and a value is `adapter.py`.
"""

from collections.abc import Mapping
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
    places = service.extra.get("means")
    for place, outcome in places.items() if isinstance(places, Mapping) else ():
        pointer, by_value, wanted = place.partition("=")
        value = found_at(payload, pointer)
        if value in (None, "", [], {}) or (by_value and str(value) != wanted):
            continue
        if outcome == NO_DATA:
            return Meant(wanted, empty=True)
        kind, words = ERRORS[outcome]
        raise kind(f"{words} at {pointer}", code=wanted)
    return Meant()
