"""Person records as civil registers send them over DCI: one tolerant reading of the spellings that are out there.

DCI's own is `birth_date`, `identifier[{identifier_type, identifier_value}]`, `name{given_name, surname}`; OpenCRVS's
bridge has sent `birthDate` and `birthdate`, `identifiers`, `{type, value}`, `{name, identifier}`, and names flat.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Person = Mapping[str, Any]
_GIVEN = ("given_name", "givenName")
_MIDDLE = ("second_name", "middle_name")
_FAMILY = ("surname", "family_name", "familyName")


def day(person: Person, event: str) -> str | None:
    """`birth` or `death` day as an ISO date, without a time if one was sent; None if it was not."""
    value = _first(person, (f"{event}_date", f"{event}Date", f"{event}date"))
    return value.partition("T")[0] if isinstance(value, str) and value else None


def numbers(person: Person, kind: str) -> set[str]:
    """The person's identifiers of one type (`NID`, `BRN`, `DRN`)."""
    found = _first(person, ("identifier", "identifiers"))
    entries = found if isinstance(found, list) else [found]
    return {
        str(_first(entry, ("identifier_value", "value", "identifier")))
        for entry in entries
        if isinstance(entry, dict) and _first(entry, ("identifier_type", "type", "name")) == kind
    }


def full_names(person: Person) -> Iterator[str]:
    """Each name whole, the given names first."""
    name = person.get("name", person)
    for each in name if isinstance(name, list) else [name]:
        if not isinstance(each, dict):
            continue
        given, middle, family = (_first(each, keys) for keys in (_GIVEN, _MIDDLE, _FAMILY))
        if isinstance(given, str) and isinstance(family, str):
            yield f"{given} {middle if isinstance(middle, str) else ''} {family}"


def _first(person: Person, keys: Iterable[str]) -> Any:
    return next((person[key] for key in keys if person.get(key) is not None), None)
