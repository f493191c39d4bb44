"""What would be different if a draft were in force: for people, and for exchanges that have happened.

Nothing here is written and nothing is asked of an agency: `decide` is run twice on the same facts, once as they are
and once with the draft in place of the version it would replace.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from .decide import decide
from .model import Agreement, Decision, Facts, Request, State


@dataclass(frozen=True, slots=True)
class Verdict:
    """One request decided twice. `gained` and `lost` are fields."""

    request: Request
    now: Decision
    then: Decision

    @property
    def gained(self) -> frozenset[str]:
        """What the draft would newly disclose."""
        return self.then.fields - self.now.fields

    @property
    def lost(self) -> frozenset[str]:
        """What the draft would no longer disclose."""
        return self.now.fields - self.then.fields

    @property
    def differs(self) -> bool:
        """Whether the caller would see another answer."""
        return bool(self.gained or self.lost or self.now.refusal != self.then.refusal)


def with_draft(facts: Facts, draft: Agreement) -> Facts:
    """The facts as they would be: the draft in force, every other version of it gone."""
    in_force = replace(draft, state=State.IN_FORCE, replaced_at=None)
    others = tuple(each for each in facts.agreements if each.id != draft.id)
    return replace(facts, agreements=(*others, in_force))


def simulate(draft: Agreement, asked: Iterable[tuple[Request, Facts, datetime]]) -> list[Verdict]:
    """Decide each request on its facts at its moment, without and with the draft.

    A draft that begins later is looked at as if it held at each moment already.
    """
    return [_verdict(draft, request, facts, at) for request, facts, at in asked]


def _verdict(draft: Agreement, request: Request, facts: Facts, at: datetime) -> Verdict:
    begun = replace(draft, valid_from=min(draft.valid_from, at))
    return Verdict(request, decide(request, facts, at), decide(request, with_draft(facts, begun), at))


def requests_of(draft: Agreement, subject_ref: str, *, case: str | None = None) -> list[Request]:
    """Everything that the draft would let its consumers ask about one person: a request for each way of asking."""
    return [
        Request(consumer, provider, grant.service, action, purpose, grant.fields, subject_ref, grant.sends, case)
        for consumer in sorted(draft.consumer.systems)
        for provider in sorted(draft.provider.systems)
        for _, grant in sorted(draft.grants.items())
        for action in sorted(grant.actions)
        for purpose in sorted(draft.purposes)
    ]
