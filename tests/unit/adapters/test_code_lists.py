"""Our values are those of the DCI lists that the schemas name, and every kind of record that the page names exists."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

import schemas

ROOT = Path(__file__).parents[3]
DCI: Any = schemas.load("codes/dci-codelists.json")["lists"]
USED = [
    ("identity", "/properties/sex", "core/v1/code/SexCategoryEnum"),
    ("enrolment", "/properties/status", "extensions/ess/v1/code/EnrolmentStatus"),
    ("programme-enrolment", "/properties/status", "extensions/ibr/v1/code/EnrollmentStatusEnum"),
    ("programme-enrolment", "/properties/unit", "core/v1/code/AssistanceUnit"),
    ("registered-member", "/properties/employment_status", "core/v1/code/EmploymentStatusEnum"),
]


def words(text: str) -> str:
    return re.sub(r"[^a-z]+", "_", text.lower()).strip("_")


@pytest.mark.parametrize(("name", "pointer", "list_"), USED, ids=[f"{each[0]}{each[1]}" for each in USED])
def test_a_value_of_ours_is_one_of_the_list_it_comes_from(name: str, pointer: str, list_: str) -> None:
    values: Any = schemas.load(f"canonical/{name}.v1.json")
    for part in pointer.split("/")[1:]:
        values = values[part]
    known = {words(code["label"]) for code in DCI[list_]["codes"]} | {
        words(code["code"]) for code in DCI[list_]["codes"]
    }
    known |= {part for label in known for part in label.split("_")} if list_.endswith("AssistanceUnit") else set()
    assert {words(each) for each in values["enum"]} <= known


def test_levels_of_education_are_the_codes_of_isced() -> None:
    items: Any = schemas.load("canonical/attainment.v1.json")["properties"]
    level = items["qualifications"]["items"]["properties"]["level"]
    codes = sorted(int(code["code"]) for code in DCI["core/v1/code/EducationCode"]["codes"])
    assert (level["minimum"], level["maximum"]) == (codes[0], codes[-1])


def test_the_page_names_schemas_that_exist() -> None:
    page = (ROOT / "docs/normalisation.md").read_text("utf-8")
    named = set(re.findall(r"`([a-z-]+\.v1\.json)`", page))
    assert len(named) > 15
    for name in named:
        assert schemas.load(f"canonical/{name}")


def test_a_value_that_may_be_unmapped_has_the_agency_s_own_code_beside_it() -> None:
    for path in sorted((schemas.FOLDER / "canonical").glob("*.json")):
        for where, properties in _objects(json.loads(path.read_bytes()), path.name):
            for name, schema in properties.items():
                if isinstance(schema, dict) and "unmapped" in schema.get("enum", ()):
                    assert f"{name}_told" in properties, f"{where}: {name}"


def _objects(schema: Any, where: str) -> list[tuple[str, dict[str, Any]]]:
    found = []
    if isinstance(schema, dict):
        if isinstance(schema.get("properties"), dict):
            found.append((where, schema["properties"]))
        for name, below in schema.items():
            found += _objects(below, f"{where}/{name}")
    return found
