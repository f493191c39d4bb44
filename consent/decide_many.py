"""The decisions on many requests at one moment: what `decide` says of each, worked out once for all that are alike.

Most people of a batch stand alike: the same agreements, a consent in the same words that holds today. `decide` knows
a person, a person's numbers and a consent's id only by comparing them, and a consent's times only by whether it stands
now; so what it says of two such people differs in nothing but the ids of their consents. It is asked once, with
placeholders for the ids, and each one's own ids are written in. Whoever anything else is known of (an objection, a
relationship) stands alone, and `decide` is asked about just that person.

A new member of a request or a consent makes people differ, and a new kind of fact makes them stand alone, until it is
named here.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from functools import partial
from operator import attrgetter
from typing import Any

from .decide import decide
from .lazy_facts import LazyFacts
from .model import Consent, Decision, Facts, Request
from .moments import micros

MOST_CONSENTS = 100  # placeholders have two digits, so that they sort like the consents they stand for


class Alike:
    """`decide` for one request after another, worked out once for all that are alike, at whatever moment.

    A template holds for a moment at which the same agreements stand as they stood. What a template's key knows by
    identity is held by the template, so that nothing else can come to have it; and the oldest template goes first.
    """

    def __init__(self, *, most: int = 1024) -> None:
        self._most = most
        self._known: dict[Hashable, tuple[Template, tuple[object, ...]]] = {}

    def __call__(self, request: Request, facts: Facts, now: datetime) -> Decision:
        """What `decide` gives; `now` is UTC and aware."""
        if any(_of_one(facts)) or len(facts.consents) > MOST_CONSENTS:
            return decide(request, facts, now)
        consents = facts.consents if len(facts.consents) < 2 else tuple(sorted(facts.consents, key=_by_id))
        agreed = tuple([each.standing(now) for each in facts.agreements])
        standing = (agreed, _standing(request, facts, consents, now))
        found = self._known.get(standing)
        if found is None:
            held = (facts.agreements, *[each.services for each in consents])
            found = _template(request, facts, consents, now), held
            if len(self._known) >= self._most:
                del self._known[next(iter(self._known))]
            self._known[standing] = found
        return found[0].of([each.id for each in consents])


def decide_many(requests: Sequence[Request], facts: Sequence[Facts], now: datetime) -> list[Decision]:
    """What `decide` gives for each request on its facts, in their order; `now` is UTC and aware."""
    decided = deciding(requests, facts, now)
    return [template.of(ids) for template, ids in map(decided, range(len(requests)))]


def deciding(
    requests: Sequence[Request], facts: Sequence[Facts], now: datetime
) -> Callable[[int], tuple["Template", Sequence[str]]]:
    """By place: the decision of all that are alike, and the ids of this one's consents, to be written in."""
    known: dict[Hashable, Template] = {}
    at = micros(now)

    def of_rows(place: int, rows: LazyFacts) -> tuple[Template, Sequence[str]]:
        """People who stand alike are known by their rows, before any value is made of these."""
        said = rows.said(place, at)
        if said is None or len(said[1]) > MOST_CONSENTS:
            return of_values(place)
        request, (words, ids) = requests[place], said
        alike = (_asked(request), bool(request.case), request.numbers, request.things, words)
        template = known.get(alike)
        if template is None:
            template = known[alike] = of_values(place)[0]
        return template, ids

    def of_values(place: int) -> tuple[Template, Sequence[str]]:
        request, each = requests[place], facts[place]
        if any(_of_one(each)) or len(each.consents) > MOST_CONSENTS:
            return Template(decide(request, each, now), (), None, ()), ()
        consents = each.consents if len(each.consents) < 2 else tuple(sorted(each.consents, key=_by_id))
        standing = _standing(request, each, consents, now)
        template = known.get(standing)
        if template is None:
            template = known[standing] = _template(request, each, consents, now)
        return template, [each.id for each in consents]

    if isinstance(facts, LazyFacts):
        return partial(of_rows, rows=facts)
    return of_values


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """A decision with placeholders for the ids of consents."""

    decision: Decision
    members: tuple[Any, ...]  # the decision's, in their order
    chosen: int | None  # which of the consents carries it
    speaking: tuple[tuple[int, int], ...]  # which reason names which consent

    def of(self, ids: Sequence[str]) -> Decision:
        """The decision with these ids of consents, in their order."""
        if self.chosen is None and not self.speaking:
            return self.decision
        members = list(self.members)
        members[_REASONS], members[_CONSENT] = self.reasons(ids), self.consent(ids)
        return Decision(*members)

    def reasons(self, ids: Sequence[str]) -> tuple[str, ...]:
        """The decision's reasons with these ids."""
        reasons = list(self.decision.reasons)
        for at, place in self.speaking:
            reasons[at] = reasons[at].replace(_mark(place), ids[place])
        return tuple(reasons)

    def consent(self, ids: Sequence[str]) -> str | None:
        """The id of the consent that carries the decision, if one does."""
        return self.decision.consent if self.chosen is None else ids[self.chosen]


def _standing(request: Request, facts: Facts, consents: Sequence[Consent], now: datetime) -> Hashable:
    """All that `decide` looks at, but for who the person is and what the consents and the case are called.

    Agreements and the fields of consents are told apart by identity: equal ones held twice are looked at twice.
    """
    return (
        _asked(request),
        bool(request.case),
        bool(request.numbers),
        bool(request.things),
        facts.controls,
        tuple(map(id, facts.agreements)),
        *[
            (
                _words(each),
                id(each.services),
                each.standing(now),
                each.subject_ref == request.subject_ref,
                request.numbers <= each.numbers,
                request.things <= each.numbers,
            )
            for each in consents
        ],
    )


def _template(request: Request, facts: Facts, consents: Sequence[Consent], now: datetime) -> Template:
    marked = tuple(replace(each, id=_mark(place)) for place, each in enumerate(consents))
    decision = decide(request, replace(facts, consents=marked), now)
    speaking = tuple(
        (at, place)
        for at, reason in enumerate(decision.reasons)
        for place in range(len(consents))
        if _mark(place) in reason
    )
    chosen = next((place for place in range(len(consents)) if decision.consent == _mark(place)), None)
    return Template(decision, _members(decision), chosen, speaking)


def _mark(place: int) -> str:
    return f"\x00{place:02}\x00"  # no id and no reference of an agreement holds NUL


def _but(kind: type[Any], *names: str) -> Callable[[Any], tuple[Any, ...]]:
    """Gives all members of a dataclass but these."""
    return attrgetter(*(each.name for each in fields(kind) if each.name not in names))


_by_id: Callable[[Consent], str] = attrgetter("id")
_asked = _but(Request, "subject_ref", "numbers", "things", "case")
_words = _but(
    Consent, "id", "subject_ref", "numbers", "services", "evidence", "valid_from", "valid_until", "withdrawn_at"
)
_of_one = _but(Facts, "agreements", "consents", "controls", "as_of")
_members = _but(Decision)
_REASONS, _CONSENT = ([each.name for each in fields(Decision)].index(name) for name in ("reasons", "consent"))
