"""One office's people to verify as its pages show them: who, where, why, what was found, and who comes next.

Ordered by place, as one visits: divisional secretariat, GN division, member id.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from pages import words_of
from pages.languages import NOW
from sandbox.population.census import place_names
from sandbox.post import Letter

from .book import Client
from .counsel import FindingRefused

TAGS = {"eng": "en", "sin": "si", "tam": "ta"}
LANGUAGES = {tag: language for language, tag in TAGS.items()}
UNSETTLED = "%(source)s: it gave no answer that settles it."
UNSETTLED_UNTIL = "%(source)s: its answer, which goes up to %(day)s, does not settle it."


@dataclass(frozen=True, slots=True)
class Visit:
    """A person to verify. `number` is the one in addresses, `letters` are the findings, the last word last."""

    number: int
    client: Client
    letters: Sequence[Letter] = ()

    @property
    def waits(self) -> bool:
        """Whether nobody has found anything yet."""
        return not self.letters

    @property
    def gn_division(self) -> str:
        """Code."""
        return str(self.client.record["location"]["gn_division"])

    @property
    def secretariat(self) -> str:
        """Code of the DS division."""
        return self.gn_division[:7]


def queue(people: Mapping[int, Client], findings: Mapping[str, list[Letter]]) -> list[Visit]:
    """Everybody of an office's people who is to be verified, by place."""
    found = [
        Visit(number, client, findings.get(client.member_id, []))
        for number, client in people.items()
        if client.record["verify"]
    ]
    return sorted(found, key=lambda each: (each.gn_division, each.client.member_id))


def following(visits: Sequence[Visit], number: int) -> Visit | None:
    """Who waits behind a person, and from the first one on again behind the last; None: nobody else waits."""
    before = next((at for at, each in enumerate(visits) if each.number == number), -1)
    return next((each for each in [*visits[before + 1 :], *visits[: max(before, 0)]] if each.waits), None)


def of_place(visits: Iterable[Visit], secretariat: str) -> list[Visit]:
    """Those of a DS division; of all where none is named."""
    return [each for each in visits if secretariat in {"", each.secretariat}]


def said_on(text: str, visit: Visit, today: date) -> date:
    """The day of a finding, as said: not to come, unless what it corrects is of that day.

    Raises:
        FindingRefused: it is no day, or one to come.
    """
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise FindingRefused("Say on which day you found it.") from None
    before = [date.fromisoformat(letter.body["record"]["found_on"]) for letter in visit.letters]
    if day > max([today, *before]):
        raise FindingRefused("The day has not come yet.")
    return day


def secretariats(visits: Iterable[Visit]) -> list[tuple[str, int]]:
    """(code, people who wait there), of every DS division with people to verify, by name."""
    waiting: dict[str, int] = {}
    for each in visits:
        waiting[each.secretariat] = waiting.get(each.secretariat, 0) + each.waits
    return sorted(waiting.items(), key=lambda pair: place(pair[0]))


def shown(visit: Visit) -> dict[str, Any]:
    """A person as the pages show one: without the national number."""
    record = visit.client.record
    return {
        "number": visit.number,
        "id": visit.client.member_id,
        "names": [(TAGS.get(each["language"], "und"), each["value"]) for each in record["person"]["names"]],
        "place": [place(visit.gn_division), place(visit.secretariat)],
        "phone": record["person"].get("phone", ""),
        "verify": record["verify"],
        "why": [_why(source, record["evidence"]) for source in record["verify"]],
        "readiness": record["readiness"],
        "contact": visit.client.contact,
        "letters": visit.letters,
    }


def place(code: str) -> str:
    """What a place is called in the language of the page, else in English; the code where the census has no name."""
    names = place_names().get(code, {})
    return names.get(LANGUAGES[NOW.get().language.code]) or names.get("eng") or code


def _why(source: str, evidence: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Why a source left the question open, as a phrase: the referral says no more than how far its answer goes."""
    until = next((each["as_of"] for each in evidence if each["service"].partition(".")[0] == source), None)
    if until is None:
        return {"text": UNSETTLED, "values": {"source": words_of(source)}}
    return {"text": UNSETTLED_UNTIL, "values": {"source": words_of(source), "day": {"day": until}}}
