"""A field that is told only where another one says so: `only_where` of a mapping (decision record 0136)."""

import json
from pathlib import Path
from typing import Any

import pytest

from adapters.kit import conditions, conformance, mapping, showing
from adapters.kit.codes import Codes
from adapters.kit.drafts import template, write
from adapters.kit.mapping import MappingError, compiled

RECORD = "canonical/certificate.v1.json"
MANIFEST = """\
contract = 1
id       = "certs"
name     = "Certificates"
owner    = "integration@certs.example"
summary  = "Whether a certificate is genuine."

[transport]
kind     = "rest"
base_url = "setting:CERTS_URL"

[auth]
kind = "none"

[service.certificate]
summary       = "The newest certificate."
actions       = ["read"]
id_types      = ["NIC"]
sends         = ["NIC"]
fields        = ["genuine", "category", "valid_until"]
record_schema = "canonical/certificate.v1.json"
sensitivity   = "special"
path          = "/certificates"
request       = { nic = "identifier:NIC" }
"""
MAPPING = """\
[certificate]
genuine     = { from = "/genuine", with = "yes_no" }
category    = { from = "/scheme", codes = "scheme", only_where = { genuine = [true] } }
valid_until = { from = "/to", with = "date_iso", optional = "null" }
"""
LINES: dict[str, dict[str, Any]] = {
    "genuine": {"from": "/genuine", "with": "yes_no"},
    "category": {"from": "/scheme", "codes": "scheme", "only_where": {"genuine": [True]}},
}
CODES = {"scheme": {"CKD": "kidney"}}


def folder(parent: Path, *, mapping_text: str = MAPPING, expected: str = "null") -> Path:
    place = parent / "certs"
    write(template("rest", "certs"), place)
    for sample in (place / "samples").glob("*.golden"):
        sample.unlink()
    withdrawn = '{"genuine": "NO", "scheme": "CKD"}'
    record = f'{{"genuine": false, "category": {expected}, "valid_until": null}}'
    files = {
        "manifest.toml": MANIFEST,
        "mapping.toml": mapping_text,
        "codes.toml": '[scheme]\nCKD = "kidney"\n',
        "samples/conformance.toml": '[settings]\nCERTS_URL = "{url}"\n[subject]\nidentifiers = {NIC = "199012304567"}',
        "samples/withdrawn.golden": f"Withdrawn.\n---------- agency\n{withdrawn}\n---------- record\n{record}\n",
    }
    for name, text in files.items():
        (place / name).write_text(text, encoding="utf-8")
    return place


async def found_by(place: Path, name: str) -> str:
    (check,) = [each for each in conformance.checks(place) if each.name == name]
    with pytest.raises(conformance.NotConforming) as caught:
        await check.run()
    return str(caught.value)


def test_a_field_is_told_only_where_the_other_one_has_a_listed_value() -> None:
    mapped = compiled(LINES, Codes(CODES))
    assert mapped({"genuine": "YES", "scheme": "CKD"}) == {"genuine": True, "category": "kidney"}
    assert mapped({"genuine": "NO", "scheme": "CKD"}) == {"genuine": False, "category": None}


def test_nothing_of_the_answer_is_read_where_the_condition_is_not_met() -> None:
    known = Codes(CODES)
    mapped = compiled(LINES, known)
    for scheme in ({"scheme": "NEW"}, {"scheme": {"a": "name of a person"}}, {}):
        assert mapped({"genuine": "NO", **scheme})["category"] is None
    assert known.taken() == {}
    with pytest.raises(MappingError, match=r"^category: nothing at /scheme$"):
        mapped({"genuine": "YES"})


def test_what_may_be_left_out_is_left_out_instead() -> None:
    lines = {"a": {"from": "/a"}, "b": {"from": "/b", "optional": "yes", "only_where": {"a": ["x", "y"]}}}
    mapped = compiled(lines)
    assert mapped({"a": "y", "b": 1}) == {"a": "y", "b": 1}
    assert mapped({"a": "z", "b": 1}) == {"a": "z"}


@pytest.mark.parametrize("told", [1, "true", None, [True], {"a": True}, 1.0], ids=repr)
def test_only_the_very_value_meets_a_condition(told: object) -> None:
    mapped = compiled({"a": {"from": "/a"}, "b": {"from": "/b", "only_where": {"a": [True]}}})
    assert mapped({"a": told, "b": 2})["b"] is None
    assert (
        compiled({"a": {"from": "/a"}, "b": {"from": "/b", "only_where": {"a": [1]}}})({"a": True, "b": 2})["b"] is None
    )


def test_a_field_that_is_absent_or_untold_itself_meets_no_condition() -> None:
    lines = {
        "a": {"from": "/a", "optional": "yes"},
        "b": {"from": "/b", "only_where": {"a": ["x"]}},
        "c": {"from": "/c", "only_where": {"b": ["y"]}},
    }
    mapped = compiled(lines)
    assert mapped({"b": "y", "c": 1}) == {"b": None, "c": None}
    assert mapped({"a": "x", "b": "y", "c": 1}) == {"a": "x", "b": "y", "c": 1}


def test_inside_a_list_each_entry_is_looked_at_for_itself() -> None:
    inner = {"state": {"from": "/s"}, "left_on": {"from": "/d", "with": "date_iso", "only_where": {"state": ["left"]}}}
    mapped = compiled({"jobs": {"from": "/jobs", "each": inner}})
    jobs = [{"s": "left", "d": "2026-01-31"}, {"s": "on", "d": "garbage"}]
    record = mapped({"jobs": jobs})
    assert record == {"jobs": [{"state": "left", "left_on": "2026-01-31"}, {"state": "on", "left_on": None}]}
    lines = {"jobs": {"from": "/jobs", "each": inner}}
    assert conditions.untold(lines, record) == ['jobs[1].left_on: told only where state is "left"']


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        ({"only_where": {"genuine": ["YES"]}}, "condition_value", 'our genuine is never "YES"'),
        ({"only_where": {"genuine": [1]}}, "condition_value", "our genuine is never 1"),
        ({"only_where": {"genuine": [True]}, "optional": "yes"}, "condition_untold", "cannot be left out"),
    ],
)
def test_a_condition_that_the_record_does_not_allow_is_told(line: dict[str, Any], code: str, words: str) -> None:
    lines = LINES | {"category": {"from": "/scheme", "codes": "scheme", **line}}
    (fault,) = conditions.faults(lines, RECORD)
    assert (fault.field, fault.code) == ("category", code)
    assert words in fault.detail
    assert list(conditions.faults(LINES, RECORD)) == []


def test_a_field_that_is_never_null_cannot_be_untold() -> None:
    lines = {"valid_until": {"from": "/to"}, "genuine": {"from": "/g", "only_where": {"valid_until": ["2026-01-31"]}}}
    (fault,) = conditions.faults(lines, RECORD)
    assert (fault.field, fault.code) == ("genuine", "condition_untold")
    assert "never null" in fault.detail


def test_conditions_inside_lists_are_judged_by_the_record_of_an_entry() -> None:
    pensions = {
        "start": {"from": "/from", "with": "month"},
        "end": {"from": "/to", "with": "month", "only_where": {"start": [7]}},
    }
    lines = {"pensions": {"from": "/pensions", "each": pensions}}
    assert [(each.field, each.code) for each in conditions.faults(lines, "canonical/contributions.v1.json")] == [
        ("pensions.end", "condition_value")
    ]


async def test_the_suite_shows_what_differs_and_why_a_field_is_not_told(tmp_path: Path) -> None:
    told = await found_by(folder(tmp_path, expected='"kidney"'), "golden_withdrawn")
    assert 'category: expected "kidney", got null' in told
    assert "category: told only where genuine is true" in told


async def test_the_suite_names_line_and_field_of_a_condition_that_cannot_be(tmp_path: Path) -> None:
    text = MAPPING.replace("[true]", '["YES"]')
    told = await found_by(folder(tmp_path, mapping_text=text), "mapping")
    assert told.startswith("mapping.toml:3: category: only_where: our genuine is never")


def test_the_dry_run_shows_the_reason_beside_the_record(tmp_path: Path) -> None:
    (sample,) = showing.shown(folder(tmp_path))
    assert json.loads(sample["told"])["category"] is None
    assert sample["untold"] == ["category: told only where genuine is true"]
    assert sample["request"].startswith("POST /certificates\n{")


def test_a_folder_is_read_with_its_conditions(tmp_path: Path) -> None:
    mapped = mapping.load(folder(tmp_path))["certificate"]
    assert mapped({"genuine": "NO", "scheme": "CKD"}) == {"genuine": False, "category": None, "valid_until": None}
