"""The kinds of records that the gateway speaks: each has a schema, each schema a service and a place on the page."""

import re
from pathlib import Path

from adapters.kit import discovery, manifest
from adapters.kit.callback import RECORD_TYPES

ROOT = Path(__file__).parents[3]
KINDS = (
    *("person", "birth", "death", "identity check", "tax", "employment history", "pension", "education"),
    *("employment support", "licence", "certificate", "programme enrolment", "payment", "message", "grievance"),
    *("report", "circular"),
)
TABLE = (ROOT / "docs/normalisation.md").read_text("utf-8").partition("## Codes")[0]


def schemas_here() -> set[str]:
    return {path.name for path in (ROOT / "schemas/canonical").glob("*.json")}


def test_every_kind_is_on_the_page_with_a_schema_that_exists() -> None:
    said = {kind.strip() for row in re.findall(r"^\| ([^|]+) \| `", TABLE, re.MULTILINE) for kind in row.split(",")}
    assert set(KINDS) - said == set()
    assert set(re.findall(r"`([a-z-]+\.v1\.json)`", TABLE)) == schemas_here()


def test_every_canonical_schema_is_what_some_service_gives_or_takes() -> None:
    used = {f"{name}.v1.json" for name in RECORD_TYPES.values()}
    for folder in discovery.discover().values():
        used |= {Path(each.record_schema).name for each in manifest.load(folder).services.values()}
    begun = "".join(path.read_text("utf-8") for path in (ROOT / "adapters/kit/drafts/begin").glob("*/manifest.toml"))
    assert {each for each in schemas_here() - used if each not in begun} == set()  # what a new adapter starts from
