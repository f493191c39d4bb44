"""What an agency says in place of a record, as the manifest declares it: places in the answer, and what they mean.

```toml
means = { "/info" = "no_data", "/kood=9" = "unknown_person" }
```
A place is a JSON pointer, alone (something is there) or with the value that is there; or `status=404`, of an answer
over HTTP, before anything of it is read. The first that is met counts.
It is a table and stays one: what needs more than a place and a value is `adapter.py`.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
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
from adapters.kit.untrusted.mapping_text import Lines

ERRORS: Mapping[str, tuple[type[AgencyError], str]] = {
    "unknown_person": (AgencyHasNoSuchPerson, "the agency does not know the person"),
    "ambiguous": (AgencyCannotTell, "the agency knows more than one such person"),
    "refused_by_source": (AgencyRefused, "the agency says no"),
    "our_error": (AgencyRejectedMessage, "the agency cannot read our message"),
    "source_down": (AgencyUnavailable, "the agency reports an error instead of an answer"),
}
NO_DATA = "no_data"
FORMS = (
    'a place is a pointer alone ("/info": something is there), a pointer and the value that is there ("/kood=9", '
    '"/known=false"), or a status of HTTP ("status=410"); an empty list, null and nothing are no such values'
)
_PLACE = re.compile(r"(/[^/=]+)+(=[ -~]{1,80})?|status=[1-5][0-9][0-9]")
_NEVER = re.compile(r"null|\[.*\]|\{.*\}")  # values that are never there as one text


class Meant(NamedTuple):
    """An answer that has a record: the agency's own code, if a place names one, whether there is nothing in it, and by
    which line of `means`."""

    code: str = ""
    empty: bool = False
    line: str = ""


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
            return Meant(wanted or "", empty=True, line=_line(pointer, wanted))
        raise _error(outcome, pointer, wanted or "")
    return Meant()


def form_fault(places: object) -> str:
    """What is wrong with the first key of a `means` that is no place, and which forms there are; empty for none."""
    for place in places if isinstance(places, Mapping) else ():
        if not _PLACE.fullmatch(place) or _NEVER.fullmatch(place.partition("=")[2]):
            return f"`{place[:80]}` can never be met: {FORMS}"
    return ""


def list_faults(service: Service, lines: Lines) -> Iterator[str]:
    """Places that the mapping reads as a list or an object, so that no value can be there: words for each."""
    lists = {line["from"] for line in lines.values() if "each" in line}
    read = {line["from"] for line in lines.values()}
    for pointer, wanted, _ in _places(service):
        around = wanted is not None and any(each.startswith(f"{pointer}/") for each in read)
        if pointer in lists or around:
            kind = "a list" if pointer in lists else "an object"
            yield f"means: `{_line(pointer, wanted)}` is {kind} by the mapping, and no such value: {FORMS}"


def faults(service: Service, lines: Lines, given: Iterable[bytes], parse: Callable[[str, bytes], object]) -> list[str]:
    """What is wrong with a service's `means`: `list_faults`, and lines that no golden answer is met by.

    Lines by status need none: it is not in an answer.
    """
    shown = {_met(service, each, parse) for each in given}
    wanted = [
        f'"{_line(pointer, value)}" = "{outcome}"'
        for pointer, value, outcome in _places(service)
        if pointer.startswith("/") and _shown_as(pointer, value, outcome) not in shown
    ]
    told = "no golden sample shows what these lines of `means` say: add an answer of each to samples/"
    return [*list_faults(service, lines), *([told, *wanted] if wanted else ())]


def _met(service: Service, given: bytes, parse: Callable[[str, bytes], object]) -> object:
    try:
        return meant(service, parse(service.id, given)).line
    except AgencyError as error:
        return str(error), error.code


def _shown_as(pointer: str, wanted: str | None, outcome: str) -> object:
    if outcome == NO_DATA:
        return _line(pointer, wanted)
    error = _error(outcome, pointer, wanted or "")
    return str(error), error.code


def _line(pointer: str, wanted: str | None) -> str:
    return pointer if wanted is None else f"{pointer}={wanted}"


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
