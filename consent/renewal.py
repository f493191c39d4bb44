"""What a newer consent allows otherwise than the one before it, of the same person to the same controller.

A consent itself never changes; whoever is asked again gives another one.
"""

from collections.abc import Iterator

from .amendment import NARROWED, REWORDED, WIDENED, Change, limit_changed, names_changed
from .model import Consent
from .phrase import Phrase, last_day, phrase


def renewed(before: Consent, after: Consent) -> tuple[Change, ...]:
    """Every difference, in the order in which a reader asks: to whom, for what, which data, until when, given how."""
    return (
        *names_changed("recipients", "recipient", before.recipients, after.recipients),
        *names_changed("purposes", "purpose", before.purposes, after.purposes),
        *names_changed("services", "data", _data(before), _data(after)),
        *_until(before, after),
        *limit_changed("data_life_days", before.data_life_days, after.data_life_days),
        *limit_changed("times_per_day", before.times_per_day, after.times_per_day),
        *_given(before, after),
    )


def _data(consent: Consent) -> set[str]:
    """`service field` for each field, `service` alone for all of its fields."""
    every = {service for service, fields in consent.services.items() if fields is None}
    return every | {f"{service} {name}" for service, fields in consent.services.items() for name in fields or ()}


def _until(before: Consent, after: Consent) -> Iterator[Change]:
    if before.valid_until != after.valid_until:
        effect = WIDENED if after.valid_until > before.valid_until else NARROWED
        said = phrase(
            "holds until %(now)s instead of %(was)s", now=last_day(after.valid_until), was=last_day(before.valid_until)
        )
        yield Change(effect, "valid_until", said)


def _given(before: Consent, after: Consent) -> Iterator[Change]:
    for name in ("given_how", "given_by", "assurance"):
        was, now = getattr(before, name), getattr(after, name)
        if was != now:
            known = {"what": Phrase(name.replace("_", " ")), "now": Phrase(now), "was": Phrase(was)}
            yield Change(REWORDED, name, phrase("%(what)s: %(now)s instead of %(was)s", **known))
