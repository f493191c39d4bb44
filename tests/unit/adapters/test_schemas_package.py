from pathlib import Path

import jsonschema
import pytest

import schemas
from schemas import SchemaError

CANONICAL = sorted(
    path.relative_to(schemas.FOLDER).as_posix() for path in (schemas.FOLDER / "canonical").glob("*.json")
)


@pytest.mark.parametrize("name", CANONICAL)
def test_every_canonical_schema_is_valid_2020_12_and_closed(name: str) -> None:
    schema = schemas.load(name)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["additionalProperties"] is False
    assert schemas.validator(name) is schemas.validator(name)


def test_formats_are_asserted() -> None:
    assert not schemas.validator("canonical/vital-events.v1.json").is_valid({"death_date": "2026-02-30"})


def test_a_part_of_a_document_is_named_by_pointer() -> None:
    part = schemas.validator("dci/crvs.json#/operations/~1registry~1sync~1search/request")
    assert not part.is_valid({"header": {}})


@pytest.mark.parametrize(
    "name", ["canonical/nothing.v1.json", "../pyproject.toml", "canonical/../../x.json", "dci/crvs.json#/nowhere"]
)
def test_a_schema_that_is_not_there_is_an_error(name: str) -> None:
    with pytest.raises(SchemaError):
        schemas.validator(name)


@pytest.mark.parametrize("reference", ["https://schemas.example/x.json", "file:///etc/passwd", "other.json", "/x"])
def test_a_reference_to_the_outside_is_refused_and_never_fetched(reference: str) -> None:
    with pytest.raises(SchemaError, match="refers outside itself"):
        schemas.compiled({"properties": {"a": [{"$ref": reference}]}}, "test")


def test_a_fault_is_told_by_place_and_rule_without_the_value() -> None:
    checker = schemas.validator("canonical/alert.v1.json")
    record = {"channel": "sms", "to": "0771234567", "language": "eng", "text": "Hello"}
    fault = schemas.first_fault(checker, record)
    assert fault == "/to: pattern"
    assert schemas.first_fault(checker, {**record, "to": "+94771234567"}) is None


def test_the_package_says_where_it_is() -> None:
    assert Path(schemas.__file__).parent == schemas.FOLDER
