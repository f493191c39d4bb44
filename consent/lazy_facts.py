"""The facts of a batch as the rows of one lookup; values are made of them only where somebody wants them.

Two lookups of a batch find the same rows of nearly everybody, and thousands of people say the same in their rows. Both
are seen by comparing rows, which costs a tenth of making values of them (decision record 0086).
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any, overload

from .model import Agreement, Control, Facts, Request
from .moments import micros
from .rows import consent_from, objection_from, relationship_from

Row = Sequence[Any]
Agreed = tuple[tuple[Agreement, ...], tuple[Control, ...]]
_NEVER = 1 << 62  # microseconds
_id = itemgetter(1)


class LazyFacts(Sequence[Facts]):
    """The facts of each request, in order, as they were at one moment; a place is parsed when it is read."""

    def __init__(
        self, requests: Sequence[Request], rows: Iterable[Row], agreed: Callable[[Request], Agreed], now: datetime
    ) -> None:
        """
        Args:
            rows: of `lookup_connection.LOOKUP`, of everybody who is asked about.
            agreed: agreements and controls that concern a request; asked once for all requests that are alike.
            now: UTC; becomes `as_of`.
        """
        self._requests, self._as_of = requests, now
        self._rows, self._until = _by_person(rows, micros(now))
        self._agreed: Mapping[Hashable, Agreed] = {_flow(each): agreed(each) for each in _unlike(requests)}

    def __len__(self) -> int:
        return len(self._requests)

    @overload
    def __getitem__(self, place: int) -> Facts: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Facts]: ...
    def __getitem__(self, place: int | slice) -> Facts | Sequence[Facts]:
        if isinstance(place, slice):
            return [self[each] for each in range(len(self))[place]]
        request = self._requests[place]
        agreements, controls = self._agreed[_flow(request)]
        consents, objections, relationships = [], [], []
        for kind, id_, ref, body, extra, since, until, ended, numbers in self._rows.get(request.subject_ref, ()):
            if kind == "consent":
                consents.append(consent_from(id_, ref, body, extra, since, until, ended, numbers))
            elif kind == "objection":
                objections.append(objection_from(id_, ref, body, ended))
            else:
                relationships.append(relationship_from(id_, ref, body, extra, since, until, ended))
        return Facts(agreements, tuple(consents), tuple(objections), tuple(relationships), controls, self._as_of)

    def said(self, place: int, at: int) -> tuple[Hashable, list[str]] | None:
        """What the consents of a person say and how they stand at `at` (microseconds), and what they are called.

        In the order of their names. None if anything else is known of the person.
        """
        words, ids = [], []
        for kind, id_, _, body, _, since, until, ended, numbers in self._rows.get(
            self._requests[place].subject_ref, ()
        ):
            if kind != "consent":
                return None
            words.append((body, numbers, ended is None, at < since, at < until))
            ids.append(id_)
        return tuple(words), ids

    def standing_as(self, before: Sequence[Facts], then: datetime, now: datetime) -> Callable[[int], bool]:
        """Whether `decide` says the same at `now` about the request at a place as it said of that person at `then` on
        what an earlier look found: what it rests on is the same, and nothing of it began or ended in between.
        """
        if not isinstance(before, LazyFacts) or not before._as_of <= then <= now or before._ends_before(now):
            return _never
        if any(before._agreed.get(flow) != agreed for flow, agreed in self._agreed.items()):
            return _never
        requests, mine, other = self._requests, self._rows, before._rows

        def same(place: int) -> bool:
            ref = requests[place].subject_ref
            return mine.get(ref) == other.get(ref)

        return same

    def _ends_before(self, now: datetime) -> bool:
        """Whether anything that was found has begun or ended since."""
        soonest = _soonest(self._agreed.values(), micros(self._as_of))
        return min(self._until, soonest) <= micros(now)


def _never(_place: int) -> bool:
    return False


def _by_person(rows: Iterable[Row], now: int) -> tuple[Mapping[str, list[Row]], int]:
    """The rows of each person in the order of their names, and when the first of them begins or ends after `now`."""
    people: dict[str, list[Row]] = {}
    first = _NEVER
    for row in rows:
        kind, _, ref, _, _, since, until, _, _ = row
        if kind == "generation":
            continue
        if since > now and since < first:
            first = since
        if until > now and until < first:
            first = until
        if ref in people:
            people[ref].append(row)
            people[ref].sort(key=_id)
        else:
            people[ref] = [row]
    return people, first


def _soonest(agreed: Iterable[Agreed], now: int) -> int:
    """When the first of these agreements begins or ends after `now`."""
    moments = [
        micros(at)
        for agreements, _ in agreed
        for each in agreements
        for at in (each.valid_from, each.valid_until, each.replaced_at)
        if at is not None
    ]
    return min((at for at in moments if at > now), default=_NEVER)


def _flow(request: Request) -> Hashable:
    """All that agreements and controls are chosen by."""
    return request.consumer, request.provider, request.service, request.action


def _unlike(requests: Iterable[Request]) -> Iterable[Request]:
    """One request of each flow."""
    return {_flow(each): each for each in requests}.values()
