"""An exchange in words that the person understands: who, what, why, on which legal basis, and what came of it.

Of what was refused, or matched nobody, no field is named: the question may have been meant for somebody else.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from audit.wording import NEVER_SENT
from consent import Agreement, member_of
from consent.model import HANDED_OVER
from consent.phrase import Phrase, english, phrase
from consent.sentences import BASIS_WORDS

from .disclosure import Delay
from .finding import READ, Use

OUTCOMES: Mapping[str, str] = {
    "": "It is still under way.",
    "answered": "It was done.",
    "no_data": "There was nothing to give.",
    "refused_by_rules": "The gateway refused, so nothing was given.",
    "refused_by_source": "The agency refused, so nothing was given.",
    "unknown_person": "The agency found nobody, so nothing was given.",
    "ambiguous": "The agency was not sure who was meant, so nothing was given.",
    "our_error": "It failed, so nothing was given.",
    "source_down": "The agency did not answer, so nothing was given.",
    "source_stale": "The agency's data was too old, so nothing was given.",
    "no_link": "The agency is not connected, so nothing was given.",
    "unknown": "It was cut off; whether anything was given is not known.",
}
WITHHELD = "exchange.withheld"
GIVEN = frozenset({"answered", "no_data"})
OWN_CONSENT = "your consent"


@dataclass(frozen=True, slots=True)
class Words:
    """What things are called.

    Attributes:
        systems, members: id -> name.
        purposes: code -> what it is for.
        services: id -> what it tells.
        titles: id -> what people call it, of those that have a title.
        numbers: kind of number that a person has -> what it is called.
    """

    systems: Mapping[str, str] = field(default_factory=dict)
    members: Mapping[str, str] = field(default_factory=dict)
    purposes: Mapping[str, str] = field(default_factory=dict)
    services: Mapping[str, str] = field(default_factory=dict)
    titles: Mapping[str, str] = field(default_factory=dict)
    numbers: Mapping[str, str] = field(default_factory=dict)

    @property
    def all(self) -> Mapping[str, str]:
        """Id -> name or words, of everything."""
        return {**self.numbers, **self.purposes, **self.services, **self.titles, **self.systems, **self.members}

    def member(self, system: str) -> str:
        """The name of the organisation that a system belongs to."""
        return self.members.get(member_of(system), member_of(system))

    def party(self, system: str) -> dict[str, str]:
        """Who that is."""
        return {
            "system": system,
            "system_name": self.systems.get(system, system),
            "member": member_of(system),
            "name": self.member(system),
        }


@dataclass(frozen=True, slots=True)
class Told:
    """A use as the person sees it."""

    use: Use
    agreement: Agreement | None
    delay: Delay
    words: Words

    @property
    def is_look(self) -> bool:
        """Whether it is an officer's look on the person's behalf, and no exchange."""
        return self.use.began.kind == READ

    @property
    def basis(self) -> Phrase:
        """The legal basis in words; empty where nothing was decided in favour."""
        kind = self.use.says("basis")
        if kind == "consent":
            return Phrase(OWN_CONSENT)
        named = [each.reference for each in self.agreement.bases if each.kind == kind] if self.agreement else []
        words = Phrase(BASIS_WORDS.get(kind, ""))
        return phrase("%(kind)s (%(reference)s)", kind=words, reference=", ".join(named)) if named else words

    @property
    def sentence(self) -> str:
        """All of it in one go."""
        use, words = self.use, self.words
        when = f"On {use.began.at:%d %B %Y at %H:%M} UTC"
        if self.is_look:
            return f"{when}, officer {use.says('consumer')} looked at your data for you, with you present."
        asker, other = words.member(use.says("consumer")), words.member(use.says("provider"))
        purpose = words.purposes.get(use.says("purpose"), use.says("purpose"))
        happened = f"{self._handed()} {other} data about you" if self.is_handed_over else f"asked {other} about you"
        return f"{when}, {asker} {happened}. Why: {purpose}. {self._came_of_it()}{self._later()}"

    @property
    def is_handed_over(self) -> bool:
        """Whether the one who asked gave data, and did not get it."""
        return self.use.says("action") in HANDED_OVER

    @property
    def giver(self) -> str:
        """The member that gave, or was asked to."""
        return member_of(self.use.says("consumer" if self.is_handed_over else "provider"))

    @property
    def sides(self) -> tuple[str, ...]:
        """The members that had a part: who gave, and who received; one where it stayed within."""
        receiver = member_of(self.use.says("provider" if self.is_handed_over else "consumer"))
        return tuple(dict.fromkeys((self.giver, receiver)))

    @property
    def given(self) -> list[str]:
        """The fields that were given; none where nothing was, or nobody was found."""
        return self.use.names("released") if self.use.outcome in GIVEN else []

    def _handed(self) -> str:
        return "wanted to hand" if self.use.outcome in NEVER_SENT else "handed"

    def _came_of_it(self) -> str:
        if self.use.began.kind == WITHHELD:
            return "Before it was fetched it was looked at again, and what is no longer allowed was taken out."
        if self.use.outcome != "answered":
            return OUTCOMES[self.use.outcome]
        marked = " It was marked as contested." if self.use.ended.get("contested") else ""
        given = f"Given: {listed(self.use.names('released'))}." if self.use.names("released") else "Nothing was given."
        return f"{given} The legal basis was {self.basis}.{marked}"

    def _later(self) -> str:
        return f" You see this {self.delay.days} days later, because: {self.delay.reason}." if self.delay.days else ""

    def wire(self) -> dict[str, Any]:
        """As JSON."""
        use = self.use
        told: dict[str, Any] = {"id": str(use.place), "at": use.began.at.isoformat(), "sentence": self.sentence}
        if self.is_look:
            return told | {"what": "looked_at_for_you", "officer": use.says("consumer"), "seen": use.says("what")}
        purpose, service = use.says("purpose"), use.says("service")
        words = self.words.services.get(service, service)
        told |= {
            "what": "handed_over" if self.is_handed_over else "asked",
            "exchange_id": use.says("exchange_id"),
            "by": self.words.party(use.says("consumer")),
            "at_agency": self.words.party(use.says("provider")),
            "service": {"id": service, "words": words, "title": self.words.titles.get(service, words)},
            "purpose": {"code": purpose, "words": self.words.purposes.get(purpose, purpose)},
            "outcome": use.outcome or "under_way",
            "outcome_words": OUTCOMES[use.outcome],
        }
        if use.outcome in GIVEN:
            told |= {"asked": use.names("asked"), "released": use.names("released"), "legal_basis": self._basis()}
            told |= {"contested": True} if use.ended.get("contested") else {}
        if self.delay.days:
            told["delayed"] = {"days": self.delay.days, "reason": self.delay.reason}
        return told

    def _basis(self) -> dict[str, object]:
        known: dict[str, object] = (
            {"agreement": self.agreement.id, "title": self.agreement.title} if self.agreement else {}
        )
        return known | {"kind": self.use.says("basis"), "words": str(self.basis), "phrase": self.basis.wire()}


def listed(names: Iterable[str]) -> str:
    """`a, b and c`, as a person reads field names; `nothing` where there are none."""
    return english(tuple(name.removeprefix("claim:").replace("_", " ") for name in names))
