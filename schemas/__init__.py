"""Every shape the product checks against, by its path below this folder: `canonical/identity.v1.json`.

A part of a document is named with a JSON pointer: `dci/crvs.json#/operations/~1registry~1search/request`.
Schemas are JSON Schema with local `$ref`s only; nothing is ever fetched. The compiled validators are
`jsonschema-rs`, each built once (building costs 75 times a check).
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Protocol, cast

import jsonschema_rs

FOLDER = Path(__file__).parent
_OPENAPI_3_0 = "http://json-schema.org/draft-04/schema#"  # the dialect nearest to what OpenAPI 3.0 documents use
LINEAR_TIME = jsonschema_rs.RegexOptions()  # no pattern can be made slow by what it is matched against


class SchemaError(Exception):
    """A schema is missing, is not JSON, or refers to something outside itself."""


class Validator(Protocol):
    """The part of a compiled `jsonschema_rs` validator that we use."""

    def is_valid(self, instance: object) -> bool:
        """True when the value fits."""

    def validate(self, instance: object) -> None:
        """Raises `jsonschema_rs.ValidationError`, whose text holds the value: never show it."""

    def iter_errors(self, instance: object) -> Iterator[jsonschema_rs.ValidationError]:
        """What `validate` would raise, for every place; their texts hold the value, too."""


@cache
def load(name: str) -> dict[str, object]:
    """One schema by name, for example `own/manifest.v1.json`. Treat it as read-only.

    Raises:
        SchemaError: no such schema, or it is not a JSON object.
    """
    path = FOLDER / PurePosixPath(name)
    if ".." in PurePosixPath(name).parts or not path.is_file():
        raise SchemaError(f"no schema {name}: put it below schemas/ and name it by its path there")
    schema = json.loads(path.read_bytes())
    if not isinstance(schema, dict):
        raise SchemaError(f"{name} is not a JSON object")
    return schema


@cache
def validator(name: str) -> Validator:
    """The compiled validator of a schema, or of a part of one (`name#/pointer`); formats (`date`...) are checked.

    Raises:
        SchemaError: no such schema or part, or it does not compile.
    """
    path, _, pointer = name.partition("#")
    document = load(path)
    if not pointer:
        return compiled(document, name)
    dialect = document.get("$schema", _OPENAPI_3_0)
    return compiled({**document, "$schema": dialect, "$ref": f"#{pointer}"}, name)


def compiled(schema: Mapping[str, object], name: str) -> Validator:
    """Compile one schema that is not a file of its own (a part of an OpenAPI document, say).

    Raises:
        SchemaError: it refers to something outside itself, or is no schema.
    """
    _refuse_outside_references(dict(schema), name)
    try:
        built = jsonschema_rs.validator_for(
            dict(schema), validate_formats=True, offline=True, pattern_options=LINEAR_TIME
        )
    except ValueError as error:  # ValidationError and ReferencingError are ValueErrors
        raise SchemaError(f"{name} does not compile: {type(error).__name__}") from error
    return cast("Validator", built)


def first_fault(checker: Validator, value: object) -> str | None:
    """Where a value first breaks its schema, as a JSON pointer with the broken keyword; None when it fits.

    Never the value itself: it may be a person's.
    """
    if checker.is_valid(value):
        return None
    try:
        checker.validate(value)
    except jsonschema_rs.ValidationError as error:
        pointer = "".join(f"/{part}" for part in error.instance_path) or "/"
        keyword = next((str(part) for part in reversed(error.schema_path) if isinstance(part, str)), "schema")
        return f"{pointer}: {keyword}"
    return None


def explained(checker: Validator, value: object) -> str | None:
    """`first_fault` with what the schema wants in words. For files without a person: it may quote them."""
    return next((str(each) for each in breaks(checker, value)), None)


@dataclass(frozen=True, slots=True)
class Break:
    """One place where a value breaks its schema, in a file without a person: `told` may quote it.

    Attributes:
        path: of the value; of the whole, where a member is missing.
        rule: the broken keyword.
        missing: the member that `required` wants, else empty.
        wanted: the limit of a keyword that sets one, the choices of `enum`, else None.
    """

    path: tuple[str | int, ...]
    rule: str
    told: str
    missing: str = ""
    wanted: object = None

    def __str__(self) -> str:
        return f"{''.join(f'/{part}' for part in self.path) or '/'}: {self.rule} ({self.told})"


def breaks(checker: Validator, value: object) -> Iterator[Break]:
    """Every place where a value breaks its schema; none where it fits."""
    for error in checker.iter_errors(value):
        rule = next((str(part) for part in reversed(error.schema_path) if isinstance(part, str)), "schema")
        told = " ".join(error.message.split())[:200]
        missing = getattr(error.kind, "property", "")
        wanted = getattr(error.kind, "limit", getattr(error.kind, "options", None))
        yield Break(tuple(error.instance_path), rule, told, missing, wanted)


def _refuse_outside_references(schema: object, name: str) -> None:
    waiting: list[object] = [schema]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            reference = node.get("$ref")
            if isinstance(reference, str) and not reference.startswith("#"):
                raise SchemaError(f"{name} refers outside itself; only local references are allowed")
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)
