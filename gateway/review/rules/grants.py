"""The rule about what was released, against the agreement as it stood at that moment."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from consent import Agreement, State, member_of
from consent.history import StateEvent

from .rule import Hit
from .seen import Release, Seen


def outside_grant(seen: Seen) -> Iterator[Hit]:
    """Each release whose fields, service or agreement do not hold then. One finding an exchange."""
    found: dict[str, Hit] = {}
    for each in seen.releases:
        excess = _excess(each, seen.agreements.get((each.agreement, each.version)), seen)
        if excess and each.exchange not in found:
            facts = {"agreement": f"{each.agreement} v{each.version}", "service": each.service, "outside": excess}
            found[each.exchange] = Hit(each.exchange, (each.consumer, member_of(each.consumer)), facts)
    yield from found.values()


def _excess(release: Release, agreement: Agreement | None, seen: Seen) -> list[str]:
    """Fields, or in words what does not hold."""
    if agreement is None:
        return ["no such agreement"]
    if state_at(seen.states, agreement, release.at) is not State.IN_FORCE:
        return ["the agreement was not in force"]
    if not agreement.valid_from <= release.at < agreement.valid_until:
        return ["the agreement was not valid then"]
    grant = agreement.grants.get(release.service)
    return sorted(release.fields - grant.fields) if grant else ["the service is not granted"]


def state_at(states: Sequence[StateEvent], agreement: Agreement, at: datetime) -> State | None:
    """The state of a version at a moment; None: it was not recorded yet."""
    of_version = [each for each in states if (each.agreement, each.version) == (agreement.id, agreement.version)]
    return next((each.state for each in reversed(of_version) if each.at <= at), None)
