"""Whether two records are about one person: the one rule of every adapter that has to tell.

A number that both sides hold decides. Without one it takes the birth date *and* the full name: the same words in any
order, as they sound. Within one script the spelling may differ only where romanisation does (`Vijeratna`,
`Wijeratne`); between scripts, where both sides have no common one, a little more, measured in `docs/matching.md`.
Twins, siblings and namesakes are other people. Method and figures: `docs/matching.md`; decision record 0128.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from adapters.kit.contract import Subject
from adapters.kit.nic import new_form
from adapters.kit.sounds import same_sound, same_spelling
from adapters.kit.transliteration import script_of


class Match(StrEnum):
    """How surely two records are about one person. The value of the first two is an answer's `match`."""

    EXACT = "exact"  # one number
    PROBABLE = "probable"  # no number on one side; the same name and birth date
    NOBODY = "none"  # another number, birth date or name, or too little to tell


@dataclass(frozen=True, slots=True)
class Traits:
    """What one side knows of a person: numbers of one kind in either form, full names, the birth date (ISO)."""

    numbers: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    birth_date: str | None = None


def traits(subject: Subject, kind: str) -> Traits:
    """What a question says of the person, with the number of one kind."""
    number, born = subject.identifier(kind), subject.birth_date
    numbers = frozenset() if number is None else frozenset({number})
    return Traits(numbers, frozenset(name.value for name in subject.names), born.isoformat() if born else None)


def matched(ours: Traits, theirs: Traits) -> Match:
    """How surely the two are one person."""
    if ours.numbers and theirs.numbers:
        same = {new_form(each) for each in ours.numbers} & {new_form(each) for each in theirs.numbers}
        return Match.EXACT if same else Match.NOBODY
    if ours.birth_date is None or ours.birth_date != theirs.birth_date:
        return Match.NOBODY
    return Match.PROBABLE if one_name(ours.names, theirs.names) else Match.NOBODY


def one_name(ours: Iterable[str], theirs: Iterable[str]) -> bool:
    """Whether a full name of one side is one of the other side's. Scripts are crossed only if none is in common."""
    pairs = [(our, their) for our in ours for their in theirs]
    alike = [(our, their) for our, their in pairs if script_of(our) == script_of(their)]
    if alike:
        return any(same_spelling(our, their) for our, their in alike)
    return any(same_sound(our, their) for our, their in pairs)
