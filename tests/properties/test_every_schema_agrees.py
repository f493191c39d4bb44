"""Every JSON Schema of the product, DCI's six interfaces with all their operations included: the fast validator gives
the slow one's verdicts over values made from the schema itself, and over changed ones."""

import json
import random
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

import schemas
from tests.made_values import made
from tests.two_judges import agree, document, slow

BY_DAY, BY_NIGHT = 5, 600  # changed values of each schema
TRIES = 12  # values made of a schema; those that fit are good
DCI = ("crvs", "dr", "ess", "fr", "ibr", "social")
OPENAPI = frozenset(
    {"agency/mosip-ida/authentication-service-openapi.json", "agency/twilio/messages-calls.extract.json"}
)
"""Documents that no fast validator reads; their judges: test_requests_fit_contracts.py."""
NO_SCHEMA = frozenset({"agency/spdci-ess-mock/mockoon-ess.json", "govstack/im-harness-test-data.json"})


def parts() -> dict[str, list[str]]:
    """The schemas by file: a file that is one, its `$defs`, or the messages of its operations."""
    found: dict[str, list[str]] = {}
    for path in sorted(schemas.FOLDER.rglob("*.json")):
        name = path.relative_to(schemas.FOLDER).as_posix()
        if name.startswith("codes/") or name in OPENAPI | NO_SCHEMA:
            continue
        found[name] = list(_parts(name, json.loads(path.read_bytes())))
    return found


def _parts(name: str, whole: dict[str, Any]) -> Iterator[str]:
    for path, operation in whole.get("operations", {}).items():
        at = f"{name}#/operations/{path.replace('/', '~1')}"
        yield f"{at}/request"
        yield from (f"{at}/responses/{status}" for status in operation.get("responses", ()))
    yield from (f"{name}#/components/schemas/{each}" for each in whole.get("components", {}).get("schemas", ()))
    if "type" in whole or "oneOf" in whole:
        yield name
    elif "operations" not in whole:
        yield from (f"{name}#/$defs/{each}" for each in whole.get("$defs", ()))


PARTS = parts()


@cache
def good(name: str) -> list[Any]:
    """Values made from a schema that fit it."""
    schema, draw = document(name), random.Random(name)
    start = {"$ref": schema["$ref"]} if "#" in name else schema
    values = (made(schema, start, draw) for _ in range(TRIES))
    return [each for each in values if slow(name).is_valid(each)][:3]


def judged(file: str, count: int) -> None:
    for name in PARTS[file]:
        values = good(name)
        assert values, f"{name}: no value could be made that fits"
        agree(name, values, count, name)


def test_no_schema_is_left_out() -> None:
    assert {f"dci/{each}.json" for each in DCI} <= PARTS.keys()
    assert [name for name, found in PARTS.items() if not found] == []


@pytest.mark.parametrize("file", sorted(PARTS))
def test_a_schema_is_judged_alike(file: str) -> None:
    judged(file, BY_DAY)


@pytest.mark.nightly
@pytest.mark.parametrize("file", sorted(PARTS))
def test_a_schema_is_judged_alike_many_times(file: str) -> None:
    judged(file, BY_NIGHT)
