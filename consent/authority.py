"""Who may consent for whom: a rule for each purpose, checked when a consent is recorded.

A grown person speaks for itself; a guardian for a child; the head of a household for its members where the purpose is
about the household as a whole; next of kin for somebody who died, where a purpose allows that at all. The rule is
configuration of the country, the check is a pure function.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from .errors import GiverRefused
from .model import GIVEN_BY, Consent
from .reading import Reader

ANY = "*"


@dataclass(frozen=True, slots=True)
class GiverRule:
    """For one purpose. `others` may speak for a grown, living person; `for_minors` for a child; `after_death` then."""

    adult_age: int = 18
    others: frozenset[str] = frozenset()
    for_minors: frozenset[str] = frozenset({"guardian"})
    after_death: frozenset[str] = frozenset()


def giver_rules(configured: Mapping[str, Mapping[str, object]]) -> dict[str, GiverRule]:
    """The rules of a country: purpose -> `{adult_age, others, for_minors, after_death}`, each with a default.

    Raises:
        DocumentInvalid: a rule does not fit.
    """
    return {purpose: _rule(each, f"/{purpose}") for purpose, each in configured.items()}


def _rule(configured: object, place: str) -> GiverRule:
    usual = GiverRule()
    with Reader(configured, place) as reader:
        adult_age = reader.whole_or_none("adult_age", 1, 120)
        return GiverRule(
            usual.adult_age if adult_age is None else adult_age,
            _givers(reader, "others", usual.others),
            _givers(reader, "for_minors", usual.for_minors),
            _givers(reader, "after_death", usual.after_death),
        )


def _givers(reader: Reader, name: str, usual: frozenset[str]) -> frozenset[str]:
    if not reader.has(name):
        return usual
    return reader.texts(name, "|".join(GIVEN_BY), least=0)


def check_giver(consent: Consent, rules: Mapping[str, GiverRule], *, birth_date: date | None, today: date) -> None:
    """Raise unless this giver may give this consent. Next of kin speak for the dead, and for nobody else.

    Raises:
        GiverRefused: the text names the purposes, and who may.
    """
    died = consent.given_by == "next_of_kin"
    if found := refusals(consent, rules, birth_date=birth_date, died=died, today=today):
        raise GiverRefused("; ".join(found))


def refusals(
    consent: Consent, rules: Mapping[str, GiverRule], *, birth_date: date | None, died: bool, today: date
) -> list[str]:
    """Why this giver may not give this consent, one sentence a purpose; empty if it may.

    Args:
        rules: purpose -> rule; `*` is for purposes that are not named.
        birth_date: of the person, if the controller sent it; without it the person counts as grown.
        died: whether the controller knows the person to be dead.
    """
    found: list[str] = []
    for purpose in sorted(consent.purposes):
        rule = rules.get(purpose) or rules.get(ANY) or GiverRule()
        allowed = _allowed(rule, birth_date, died=died, today=today)
        if consent.given_by not in allowed:
            said = ", ".join(sorted(allowed)) or "nobody"
            found.append(f"{purpose}: {consent.given_by} may not consent for this person, only {said}")
    return found


def _allowed(rule: GiverRule, birth_date: date | None, *, died: bool, today: date) -> frozenset[str]:
    if died:
        return rule.after_death
    if birth_date is not None and age(birth_date, today) < rule.adult_age:
        return rule.for_minors
    return rule.others | {"self"}


def age(birth_date: date, today: date) -> int:
    """Full years."""
    return today.year - birth_date.year - ((today.month, today.day) < (birth_date.month, birth_date.day))
