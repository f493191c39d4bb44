"""The reasons of a decision, which the log keeps as lines, in words for people: each rule, and what it said.

Format of the lines: `consent.decide`; the ids of a person's consents in them are pseudonyms (`gateway.reasons`).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from consent.phrase import Phrase, phrase
from consent.sentences import BASIS_WORDS

ALLOWED, DENIED, WITHHELD = "allowed", "not_allowed", "withheld"
AGREEMENT = r"agreement (?P<agreement>.+? v\d+|\S+): "
CONSENT = r"consent (?P<consent>\S+)"
BASIS = r"(?P<basis>[a-z_]+) "
ALLOWS = (
    (AGREEMENT + CONSENT, "Agreement %(agreement)s and the person's consent %(consent)s allow it."),
    (AGREEMENT + CONSENT + r" \(not used\)", "Agreement %(agreement)s and consent %(consent)s would allow it too."),
    (
        AGREEMENT + BASIS + r"(?P<reference>.*) \(not used\)",
        "Agreement %(agreement)s would allow it too, for %(basis)s: %(reference)s.",
    ),
    (AGREEMENT + BASIS + r"(?P<reference>.*)", "Agreement %(agreement)s allows it, for %(basis)s: %(reference)s."),
)
DENIES = (
    ("request: no field is asked for", "No field was asked for."),
    ("request: no agreement between these systems", "There is no agreement between these two systems."),
    ("request: its subscription has ended", "The subscription has ended."),
    ("request: its filter names a withheld field", "The filter of the subscription names a field that is withheld."),
    (r"request: quota (?P<quota>\w+) (?P<most>\d+)", "More was asked at once than agreed: %(quota)s %(most)s."),
    (AGREEMENT + r"quota (?P<quota>\w+)", "What agreement %(agreement)s allows was used up: %(quota)s."),
    (CONSENT + r": quota (?P<quota>\w+)", "What consent %(consent)s allows was used up: %(quota)s."),
    (AGREEMENT + "other parties", "Agreement %(agreement)s is between other systems."),
    (AGREEMENT + r"not in force \((?P<standing>.+)\)", "Agreement %(agreement)s was not in force: %(standing)s."),
    (AGREEMENT + "service not granted", "Agreement %(agreement)s does not grant this service."),
    (AGREEMENT + "action not granted", "Agreement %(agreement)s does not grant this way of asking."),
    (AGREEMENT + "no bulk", "Agreement %(agreement)s does not grant questions about many people at once."),
    (AGREEMENT + "other purpose", "Agreement %(agreement)s is for other purposes."),
    (AGREEMENT + "stopped by the provider", "Who was asked has stopped whoever asked."),
    (AGREEMENT + "not approved by the provider", "Who was asked has not approved whoever asked."),
    (AGREEMENT + "may not send (?P<fields>.+)", "Under agreement %(agreement)s a question may not say %(fields)s."),
    (AGREEMENT + "case reference required", "Agreement %(agreement)s wants a case, and none was named."),
    (AGREEMENT + "none of the asked fields", "Agreement %(agreement)s grants none of the fields asked for."),
    (
        AGREEMENT + "no declared relationship",
        "Agreement %(agreement)s wants a relationship with the person, and none was declared.",
    ),
    (
        AGREEMENT + BASIS + "is not for this purpose",
        "Agreement %(agreement)s has %(basis)s as its ground, which is not for this purpose.",
    ),
    (
        AGREEMENT + BASIS + "carries none of the asked fields",
        "Agreement %(agreement)s has %(basis)s as its ground, which covers none of the fields asked for.",
    ),
    (
        AGREEMENT + BASIS + "counts in an emergency only",
        "Agreement %(agreement)s has %(basis)s as its ground, which counts in an emergency only.",
    ),
    (
        AGREEMENT + "number not bound to the person",
        "Under agreement %(agreement)s nobody vouches that the number in the question is this person's.",
    ),
    (AGREEMENT + "no consent in force", "Agreement %(agreement)s needs a consent of the person, and none counts."),
    (
        AGREEMENT + CONSENT + " has another controller",
        "Agreement %(agreement)s does not count consents of the member that recorded consent %(consent)s.",
    ),
    (
        AGREEMENT + CONSENT + " was given with assurance (?P<assurance>.+) only",
        "Consent %(consent)s was given with less assurance (%(assurance)s) than agreement %(agreement)s wants.",
    ),
    (
        AGREEMENT + CONSENT + " has none of the asked fields",
        "Consent %(consent)s covers none of the fields that agreement %(agreement)s grants.",
    ),
    (CONSENT + ": other purpose", "Consent %(consent)s is for other purposes."),
    (CONSENT + ": other service", "Consent %(consent)s is for other services."),
    (CONSENT + ": other recipient", "Consent %(consent)s is for other recipients."),
    (CONSENT + ": another person's", "Consent %(consent)s is another person's."),
    (CONSENT + ": another person's number", "Consent %(consent)s was not recorded with the number in the question."),
    (CONSENT + ": other things", "Consent %(consent)s was not recorded with the thing that was asked about."),
    (CONSENT + ": (?P<standing>.+)", "Consent %(consent)s was not in force: %(standing)s."),
    (r"objection \S+: (?P<fields>.+)", "The person objected to telling %(fields)s."),
    (r"restriction \S+: (?P<fields>.+)", "The use of %(fields)s is restricted."),
)
CODES = frozenset({"basis", "standing"})
WHY = {
    "not_in_agreement": "%(field)s was withheld: the agreement does not grant it.",
    "not_in_basis": "%(field)s was withheld: the legal ground does not cover it.",
    "objection": "%(field)s was withheld: the person objected.",
    "restriction": "%(field)s was withheld: its use is restricted.",
}
OTHERWISE, WITHHELD_SO = "%(line)s", "%(field)s was withheld: %(why)s."
TEXTS = (*(text for _, text in (*ALLOWS, *DENIES)), *WHY.values(), OTHERWISE, WITHHELD_SO)
"""Everything that is said here; keys of `pages/words`."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """What one rule said. `result`: `allowed`, `not_allowed` or `withheld`."""

    result: str
    told: Phrase

    def wire(self) -> dict[str, object]:
        """As JSON."""
        return {"result": self.result, "told": str(self.told), "phrase": self.told.wire()}


def rulings(facts: Mapping[str, object]) -> list[Ruling]:
    """Of an outcome, or of a line of a batch: its reasons in their order, then what was withheld."""
    return [*map(_ruling, _lines(facts.get("reasons"))), *map(_withheld, _lines(facts.get("withheld")))]


def withheld_fields(facts: Mapping[str, object]) -> tuple[str, ...]:
    """The names alone: the log has `field: why`."""
    return tuple(each.partition(": ")[0] for each in _lines(facts.get("withheld")))


def _ruling(line: str) -> Ruling:
    verdict, _, said = line.partition(" ")
    texts = {"allow": ALLOWS, "deny": DENIES}.get(verdict, ())
    for pattern, text in texts:
        if found := re.fullmatch(pattern, said):
            return Ruling(ALLOWED if verdict == "allow" else DENIED, Phrase(text, _values(found.groupdict())))
    return Ruling(ALLOWED if verdict == "allow" else DENIED, phrase(OTHERWISE, line=line))


def _withheld(line: str) -> Ruling:
    field, _, why = line.partition(": ")
    if why in WHY:
        return Ruling(WITHHELD, phrase(WHY[why], field=field))
    return Ruling(WITHHELD, phrase(WITHHELD_SO, field=field, why=why))


def _values(found: Mapping[str, str]) -> dict[str, object]:
    """The values of a text, those that are codes of ours as words."""
    return {name: Phrase(BASIS_WORDS.get(value, value)) if name in CODES else value for name, value in found.items()}


def _lines(value: object) -> Iterable[str]:
    return map(str, value) if isinstance(value, list) else ()
