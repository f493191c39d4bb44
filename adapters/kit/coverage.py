"""How much of its records a mapping gives, and how much of that a golden sample shows.

Counted are the leaves of the canonical schema: `entitlements[].state` is one. A leaf is declared when the manifest
names its field, and shown when the expected record of at least one golden sample holds it. Codes are counted in our
lists, not in the agency's, which may have any.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import schemas
from adapters.kit import codes, golden
from adapters.kit import manifest as manifests


@dataclass(frozen=True, slots=True)
class Coverage:
    """One service that is asked.

    Attributes:
        record: leaves that the canonical record may have.
        declared: those that the manifest says the agency gives.
        shown: declared ones that a golden sample shows.
        codes: the agency's codes that the folder's lists know.
    """

    service: str
    record: frozenset[str]
    declared: frozenset[str]
    shown: frozenset[str]
    codes: int

    @property
    def of_record(self) -> float:
        """Share of the canonical record that the agency gives."""
        return len(self.declared) / len(self.record)

    @property
    def of_declared(self) -> float:
        """Share of what the agency gives that a sample proves."""
        return len(self.shown) / len(self.declared)

    def wire(self) -> dict[str, object]:
        """For people and for `--json`."""
        return {
            "service": self.service,
            "of_record": round(self.of_record, 3),
            "of_declared": round(self.of_declared, 3),
            "not_given": sorted(self.record - self.declared),
            "not_shown": sorted(self.declared - self.shown),
            "codes": self.codes,
        }


def covered(folder: Path) -> list[Coverage]:
    """The services of one adapter folder that answer with records.

    Raises:
        ManifestError, GoldenError, CodesError: the folder is wrong.
    """
    manifest, known = manifests.load(folder), codes.load(folder)
    shown = dict(_shown(folder, manifest))
    count = sum(len(rows) for rows in known.tables.values())
    found = []
    for name, service in manifest.services.items():
        if "push" not in service.actions and service.fields:
            record = frozenset(_leaves(schemas.load(service.record_schema)))
            declared = frozenset(each for each in record if _field(each) in service.fields)
            found.append(Coverage(service.id, record, declared, declared & shown.get(name, frozenset()), count))
    return found


def _shown(folder: Path, manifest: manifests.Manifest) -> Iterator[tuple[str, frozenset[str]]]:
    found: dict[str, set[str]] = {name: set() for name in manifest.services}
    for sample in golden.load(folder):
        if sample.result == "record":
            name = sample.service or next(iter(manifest.services))
            found.setdefault(name, set()).update(_held(json.loads(sample.expected)))
    for name, members in found.items():
        yield name, frozenset(members)


def _field(leaf: str) -> str:
    return leaf.partition(".")[0].partition("[")[0]


def _leaves(schema: Any, path: str = "") -> Iterator[str]:
    """Paths of a schema's members, through objects and lists; what is referred to elsewhere counts as one."""
    properties = schema.get("properties") if isinstance(schema, dict) else None
    if isinstance(properties, dict):
        for name, below in properties.items():
            yield from _leaves(below, f"{path}.{name}" if path else name)
    elif isinstance(schema, dict) and isinstance(schema.get("items"), dict):
        yield from _leaves(schema["items"], f"{path}[]")
    else:
        yield path


def _held(record: Any, path: str = "") -> Iterator[str]:
    """The same paths of a value; an empty list or object holds none."""
    if isinstance(record, dict):
        for name, below in record.items():
            yield from _held(below, f"{path}.{name}" if path else name)
    elif isinstance(record, list):
        for below in record:
            yield from _held(below, f"{path}[]")
    else:
        yield path
