"""Sort and pages of one item's records. The specification sets no limits; these do.

Source: SPDCI OpenAPI 1.0.0 `SearchSort`, `PaginationRequest` ("count starts with 1").
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from .people import PATH, values_at
from .query import QueryRefused

LARGEST_PAGE, LAST_PAGE, MOST_SORTS = 100, 10_000, 5
SORT, PAGINATION = "rjct.sort.invalid", "rjct.pagination.invalid"

Kept = TypeVar("Kept")


@dataclass(frozen=True, slots=True)
class Order:
    """How the records are told: `keys` are an attribute and whether it goes down; page `number` counts from 1."""

    keys: tuple[tuple[str, bool], ...] = ()
    size: int = LARGEST_PAGE
    number: int = 1
    paged: bool = False

    @property
    def attributes(self) -> frozenset[str]:
        """The fields that are sorted by."""
        return frozenset(name.partition(".")[0] for name, _ in self.keys)

    def sorted(self, found: Sequence[Kept], record: Callable[[Kept], Mapping[str, Any]]) -> list[Kept]:
        """All of them in their order; what has no value there comes last, either way."""
        rows = list(found)
        for name, down in reversed(self.keys):
            rows = _sorted([(_key(record(each), name), each) for each in rows], down=down)
        return rows

    @property
    def told(self) -> Mapping[str, int] | None:
        """The answer's `pagination` but for its total; None where it is not paged."""
        return {"page_size": self.size, "page_number": self.number} if self.paged else None


def read_order(criteria: Mapping[str, Any], *, one: bool) -> Order:
    """The `sort` and `pagination` of criteria.

    Args:
        one: the interface has room for one record in an answer, so a page is one.

    Raises:
        QueryRefused: with DCI's code for either.
    """
    keys = _keys(criteria.get("sort") or [])
    asked = criteria.get("pagination")
    if not asked:
        return Order(keys, 1 if one else LARGEST_PAGE, paged=one)
    size, number = _whole(asked.get("page_size"), LARGEST_PAGE), _whole(asked.get("page_number", 1), LAST_PAGE)
    return Order(keys, 1 if one else size, number, paged=True)


def _keys(sorts: object) -> tuple[tuple[str, bool], ...]:
    if not isinstance(sorts, list) or len(sorts) > MOST_SORTS:
        raise QueryRefused(f"sort is a list of at most {MOST_SORTS} attributes", SORT)
    keys = []
    for each in sorts:
        name = each.get("attribute_name") if isinstance(each, Mapping) else None
        if (
            not isinstance(name, str)
            or not PATH.fullmatch(name)
            or each.get("sort_order", "asc") not in {"asc", "desc"}
        ):
            raise QueryRefused("a sort has attribute_name, a field of the service, and sort_order asc or desc", SORT)
        keys.append((name, each.get("sort_order") == "desc"))
    return tuple(keys)


def _whole(value: object, most: int) -> int:
    if not isinstance(value, int | float) or isinstance(value, bool) or value != int(value) or not 1 <= value <= most:
        raise QueryRefused(f"page_size is 1 to {LARGEST_PAGE}, page_number 1 to {LAST_PAGE}", PAGINATION)
    return int(value)


def _sorted(keyed: Sequence[tuple[tuple[int, Any] | None, Kept]], *, down: bool) -> list[Kept]:
    known = sorted(((key, each) for key, each in keyed if key is not None), key=lambda pair: pair[0], reverse=down)
    return [each for _, each in known] + [each for key, each in keyed if key is None]


def _key(record: Mapping[str, Any], name: str) -> tuple[int, Any] | None:
    """Comparable with any other: kinds of values do not mix."""
    value = next(iter(values_at(record, name)), None)
    if value is None:
        return None
    return (0, value) if isinstance(value, int | float) else (1, value)
