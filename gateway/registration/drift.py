"""Schema drift: an agency changed its answers without telling.

Two signs: answers that break the agency's own schema, and members that neither the schema nor the samples know. Counted
over the newest answers of this process; more than a part of them odd raises the alarm, once a day for each version.
Only shapes are looked at (names of members as a path, never what stands there), and no shape leaves this file.

This is no decision: an odd answer that still fits is answered.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

MOST_NODES = 2_000
DEPTH = 12
FEWEST = 20  # answers before anything is said
NEWEST = 400  # answers after which counting begins anew
RATE = 0.05

Shape = tuple[str, ...]
_ENTRY = "[]"


@dataclass(frozen=True, slots=True)
class Known:
    """The shapes of good answers. Below an `open` shape anything goes: the schema says so."""

    shapes: frozenset[Shape]
    open: frozenset[Shape] = frozenset()

    def strange(self, payload: object) -> bool:
        """Whether the answer has a member that is not known."""
        return any(shape not in self.shapes and not self._is_open(shape) for shape in shapes(payload))

    def _is_open(self, shape: Shape) -> bool:
        return any(shape[:end] in self.open for end in range(len(shape)))


@dataclass(slots=True)
class Drift:
    """The newest answers of one version. `known` is None where nothing tells what a good answer looks like."""

    known: Known | None = None
    looked: int = 0
    odd: int = 0

    def see(self, payload: object) -> bool:
        """Count one answer that could be read; gives whether it is strange."""
        strange = self.known is not None and self.known.strange(payload)
        self._count(odd=strange)
        return strange

    def see_broken(self) -> None:
        """Count one answer that broke the agency's own schema, or could not be mapped."""
        self._count(odd=True)

    @property
    def alarming(self) -> bool:
        """Whether too many of them are odd."""
        return self.looked >= FEWEST and self.odd > RATE * self.looked

    def _count(self, *, odd: bool) -> None:
        if self.looked >= NEWEST:
            self.looked, self.odd = 0, 0
        self.looked += 1
        self.odd += odd


def known(samples: Iterable[object], schemas: Iterable[Mapping[str, Any]] = ()) -> Known | None:
    """What good answers look like: by the agency's schemas, and by the samples that give a record."""
    found = {shape for sample in samples for shape in shapes(sample)}
    open_: set[Shape] = set()
    for schema in schemas:
        declared, anything = _of_schema(schema)
        found |= declared
        open_ |= anything
    return Known(frozenset(found), frozenset(open_)) if found else None


def shapes(payload: object) -> Iterator[Shape]:
    """The paths of an answer's members, lists as `[]`, at most 2,000 values looked at."""
    waiting: list[tuple[Shape, object]] = [((), payload)]
    seen = 0
    while waiting and seen < MOST_NODES:
        path, value = waiting.pop()
        seen += 1
        if isinstance(value, Mapping):
            for name, each in value.items():
                yield (*path, str(name))
                waiting.append(((*path, str(name)), each))
        elif isinstance(value, list):
            waiting += [((*path, _ENTRY), each) for each in value[:MOST_NODES]]


def _of_schema(root: Mapping[str, Any]) -> tuple[set[Shape], set[Shape]]:
    found: set[Shape] = set()
    open_: set[Shape] = set()
    waiting: list[tuple[Shape, Any]] = [((), root)]
    seen = 0
    while waiting and seen < MOST_NODES:
        path, schema = waiting.pop()
        seen += 1
        if not isinstance(schema, Mapping) or len(path) > DEPTH:
            continue
        if isinstance(reference := schema.get("$ref"), str):
            waiting.append((path, _target(root, reference)))
        for name in ("allOf", "anyOf", "oneOf"):
            waiting += [(path, each) for each in schema.get(name, ())]
        for name, each in schema.get("properties", {}).items():
            found.add((*path, name))
            waiting.append(((*path, name), each))
        for each in (schema.get("items"), *schema.get("prefixItems", ())):
            waiting.append(((*path, _ENTRY), each))
        if schema.get("patternProperties") or isinstance(schema.get("additionalProperties"), Mapping):
            open_.add(path)
    return found, open_


def _target(root: Any, reference: str) -> Any:
    """The subschema behind a local reference; the schema was checked when it came in."""
    node = root
    for token in reference.split("/")[1:]:
        key = token.replace("~1", "/").replace("~0", "~")
        node = node.get(key) if isinstance(node, Mapping) else None
    return node
