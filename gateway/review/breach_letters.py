"""The letters of a breach, as far as the log can write them: what only people know is left to fill in.

Each line is a phrase, so that a page has them in each language, with names where the log has ids.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from consent.phrase import Phrase, phrase

from ..profile import Profile

NOBODY = "[the authority]"
EMPTY = Phrase("")


def drafts(case: str, known_at: datetime, figures: Mapping[str, Any], profile: Profile) -> dict[str, Sequence[Phrase]]:
    """The lines of the letter to the `authority`, and of that to the `people`.

    Args:
        case: the id of the breach.
        known_at: since when it is known.
        figures: as `breach.figures` counts them.
    """
    authority = Phrase(profile.authority or NOBODY)
    known, period = known_at.astimezone(profile.zone), _period(figures, profile.zone)
    return {
        "authority": tuple(_to_authority(case, known, figures, period, authority)),
        "people": tuple(_to_people(figures, period, authority)),
    }


def _to_authority(
    case: str, known: datetime, found: Mapping[str, Any], period: Phrase, authority: Phrase
) -> Iterator[Phrase]:
    """Source: GDPR article 33(3)."""
    yield phrase("To: %(authority)s", authority=authority)
    yield EMPTY
    yield phrase("Notification of a personal data breach, case %(case)s", case=case)
    yield EMPTY
    yield phrase("We learned of it on %(day)s at %(time)s.", day=known, time=f"{known:%H:%M}")
    yield period
    yield EMPTY
    yield phrase("- exchanges: %(n)s, about people: %(people)s;", n=found["exchanges"], people=found["people"])
    yield phrase("- data: %(fields)s;", fields=tuple(found["fields"]))
    yield phrase("- received by: %(recipients)s;", recipients=tuple(found["recipients"]))
    for each in found["agreements"]:
        yield phrase("- under the agreement: %(agreement)s;", agreement=each)
    yield EMPTY
    yield Phrase("What happened: [fill in]")
    yield Phrase("Likely consequences: [fill in]")
    yield Phrase("Measures taken or proposed: [fill in]")
    yield Phrase("Contact: [the data-protection officer]")
    yield Phrase("The evidence is in a log that outsiders can check; a bundle is available on request.")


def _to_people(found: Mapping[str, Any], period: Phrase, authority: Phrase) -> Iterator[Phrase]:
    """In plain words. Source: GDPR article 34(2)."""
    yield Phrase("Dear Sir or Madam,")
    yield EMPTY
    yield Phrase("data about you may have been seen by somebody who had no right to it.")
    yield period
    yield phrase("It is this kind of data: %(fields)s.", fields=tuple(found["fields"]))
    yield Phrase("What happened: [fill in, in plain words]")
    yield Phrase("What this may mean for you: [fill in]")
    yield Phrase("What we did, and what you can do: [fill in]")
    yield Phrase("Ask us: [name, telephone, address]")
    yield phrase("You may also turn to: %(authority)s", authority=authority)


def _period(found: Mapping[str, Any], zone: ZoneInfo) -> Phrase:
    """By the country's days; a case may be about exchanges of which none released anything."""
    if not found["first"]:
        return Phrase("No exchange that this is about released anything.")
    days = {name: datetime.fromisoformat(found[name]).astimezone(zone) for name in ("first", "last")}
    if days["first"].date() == days["last"].date():
        return phrase("It was told on %(day)s.", day=days["first"])
    return phrase("It was told between %(first)s and %(last)s.", **days)
