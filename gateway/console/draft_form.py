"""A change of an agreement without its format: what it would tell no more or as well, for what, and until when.

The form is made of the agreement and of what its services offer; what is changed is the document that the API takes.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pages
from consent.phrase import last_day
from pages import Wrong

from ..catalogue import Catalogue, UnknownService
from .forms import A_DAY, FieldsRefused

WITHOUT, WITH, NOT_FOR = "without", "with", "not-for"
"""What the names of the boxes begin with; behind it, after a colon each, the service and the field, or the purpose."""
LAST_DAY = "Last day"
NOTHING_LEFT = {
    "services": "It would tell nothing then: keep at least one field, or end the agreement.",
    "purposes": "It would be for nothing then: keep at least one purpose, or end the agreement.",
}


def choices(catalogue: Catalogue, document: Mapping[str, Any]) -> dict[str, Any]:
    """`title`; `services`: `{"id", "told", "more"}`, fields by name; `purposes`; `last_day` as a form has it."""
    services = [
        {"id": each["service"], "told": sorted(each["fields"]), "more": sorted(_offered(catalogue, each))}
        for each in document["services"]
    ]
    found = {"title": document["title"], "services": services, "purposes": sorted(document["purposes"])}
    return found | {"last_day": _last_day(document).isoformat()}


def changed(document: Mapping[str, Any], form: Mapping[str, str]) -> dict[str, Any]:
    """The document as the boxes say. A service that tells nothing any more is left out.

    Raises:
        FieldsRefused: the last day is none, or nothing would be left.
    """
    gone, more, purposes = set(_named(form, WITHOUT)), set(_named(form, WITH)), set(_named(form, NOT_FOR))
    services = [_service(each, gone, more) for each in document["services"]]
    left = {
        "services": [each for each in services if each["fields"]],
        "purposes": [each for each in document["purposes"] if each not in purposes],
    }
    if empty := [Wrong("change", pages.said(NOTHING_LEFT[name])) for name in left if not left[name]]:
        raise FieldsRefused(empty[0].text, empty)
    return {
        **document,
        **left,
        "valid_until": _until(document, form.get("last-day", "")),
    }


def sums(different: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Past exchanges that would have been decided differently, counted by what they would have gained and lost."""
    counted: dict[tuple[str, str, tuple[str, ...], tuple[str, ...]], Counter[str]] = {}
    for each in different:
        kind = each["service"], each["purpose"], tuple(each["gained"]), tuple(each["lost"])
        counted.setdefault(kind, Counter()).update(exchanges=1, people=each["people"])
    names = ("service", "purpose", "gained", "lost")
    return [dict(zip(names, kind, strict=True)) | number for kind, number in sorted(counted.items())]


def _offered(catalogue: Catalogue, granted: Mapping[str, Any]) -> set[str]:
    """What the service could tell beyond what is granted; nothing of a service that nobody offers here."""
    try:
        return set(catalogue.offer(granted["service"]).service.fields) - set(granted["fields"])
    except UnknownService:
        return set()


def _service(granted: Mapping[str, Any], gone: set[str], more: set[str]) -> dict[str, Any]:
    of_it = f"{granted['service']}:"
    added = (each.removeprefix(of_it) for each in more if each.startswith(of_it))
    kept = (each for each in granted["fields"] if f"{of_it}{each}" not in gone)
    return {**granted, "fields": sorted({*kept, *added})}


def _named(form: Mapping[str, str], kind: str) -> Iterator[str]:
    return (name.removeprefix(f"{kind}:") for name in form if name.startswith(f"{kind}:"))


def _last_day(document: Mapping[str, Any]) -> date:
    return last_day(datetime.fromisoformat(document["valid_until"]))


def _until(document: Mapping[str, Any], text: str) -> str:
    """As it was where the day stays: it may end within a day."""
    try:
        day = date.fromisoformat(text)
        if day == _last_day(document):
            return str(document["valid_until"])
        return f"{datetime.combine(day + timedelta(days=1), time(), UTC):%Y-%m-%dT%H:%M:%SZ}"
    except (ValueError, OverflowError):
        label = pages.said(LAST_DAY)
        raise FieldsRefused(label, [Wrong("last-day", pages.said(A_DAY) % {"field": label})]) from None
