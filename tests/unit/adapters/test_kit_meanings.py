"""`means`: its forms are told in words, each line is shown by a sample, and samples are judged as live answers are."""

import asyncio
from pathlib import Path

import pytest

from adapters.kit import conformance, meanings
from adapters.kit.drafts import template, write
from adapters.kit.manifest import ManifestError, load
from adapters.kit.mapping import told_table
from gateway.registration import checking
from gateway.registration import folder as folders
from gateway.registration.errors import AdapterRefused

SCHEMA = '{"type": "object", "properties": {"closed": {"type": "integer", "minimum": 205001}}}'


def fund(parent: Path, more: str = "", **files: str) -> Path:
    """A fund by GET or POST that passes, with further lines of its service and further files."""
    found = {name: text.decode() for name, text in template("rest", "fund").items()}
    found["manifest.toml"] += f"\n{more}\n"
    write({name: text.encode() for name, text in {**found, **files}.items()}, parent / "fund")
    return parent / "fund"


async def fault(folder: Path, name: str) -> str:
    """What one check of the folder finds; empty for nothing."""
    (check,) = [each for each in conformance.checks(folder) if each.name == name]
    (told,) = await asyncio.gather(check.run(), return_exceptions=True)
    return str(told or "")


@pytest.mark.parametrize(
    "place", ["/paid=", "/paid=[]", "/paid={}", "/paid=null", "status", "paid", "status=9", "/a//b"]
)
def test_a_place_that_can_never_be_met_is_refused_with_the_forms_there_are(place: str, tmp_path: Path) -> None:
    folder = fund(tmp_path, f'means = {{ "{place}" = "no_data" }}')
    with pytest.raises(ManifestError) as caught:
        load(folder)
    assert f"/service/contributions/means: `{place}` can never be met: {meanings.FORMS}" in str(caught.value)
    assert "[^/=]" not in str(caught.value)


@pytest.mark.parametrize("place", ["/paid", "/paid=x"])
async def test_a_place_that_the_mapping_reads_as_a_list_is_refused(place: str, tmp_path: Path) -> None:
    folder = fund(tmp_path, f'means = {{ "{place}" = "no_data" }}')
    with pytest.raises(AdapterRefused) as caught:
        await checking.judged(folders.of_directory(folder))
    (found,) = [each for each in caught.value.faults if each.code == "means"]
    assert f"`{place}` is a list by the mapping" in found.detail
    assert found.line


async def test_each_line_of_means_wants_a_sample_that_shows_it(tmp_path: Path) -> None:
    more = 'means = { "/state=1" = "no_data", "/state=2" = "unknown_person", "status=410" = "unknown_person" }'
    folder = fund(tmp_path, more)
    told = await fault(folder, "means_contributions")
    assert '"/state=1" = "no_data"\n"/state=2" = "unknown_person"' in told
    assert "410" not in told
    samples = folder / "samples"
    (samples / "one.golden").write_text('Nothing.\n---------- agency\n{"state": 1}\n---------- no_data\n')
    assert '"/state=1"' not in await fault(folder, "means_contributions")
    error = "the agency does not know the person at /state"
    (samples / "two.golden").write_text(f'Nobody.\n---------- agency\n{{"state": 2}}\n---------- error\n{error}\n')
    assert await fault(folder, "means_contributions") == ""


async def test_a_sample_is_judged_by_the_schema_of_the_answer_before_it_is_mapped(tmp_path: Path) -> None:
    folder = fund(tmp_path, 'answer_schema = "./answer.json"', **{"answer.json": SCHEMA})
    told = await fault(folder, "golden_a_payer")
    assert "expected record, got error:\nthe answer breaks ./answer.json at /closed: minimum" in told


@pytest.mark.parametrize(
    ("fault", "table"),
    [
        ("the record breaks canonical/x.v1.json at /paid/0/kind: enum", "[kind] of codes.toml"),
        ("the record breaks canonical/x.v1.json at /paid/0/month: enum", ""),
        ("the record breaks canonical/x.v1.json at /paid/0/kind: type", ""),
        ("nothing at /paid", ""),
    ],
)
def test_the_list_that_lacks_a_code_is_named(fault: str, table: str) -> None:
    lines = {"paid": {"from": "/p", "each": {"kind": {"from": "/k", "codes": "kind"}, "month": {"from": "/m"}}}}
    assert "".join(told_table(lines, fault)).startswith(table)
    assert bool(told_table(lines, fault)) == bool(table)
