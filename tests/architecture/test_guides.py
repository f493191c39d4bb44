"""The guides work as they stand: their files pass, their bodies have the documented shape, their Python is valid."""

import ast
import importlib
import json
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path

import pytest
from architecture.checkout import ROOT, blocks, name_of

import schemas
from adapters.kit import conditions, declared_auth
from adapters.kit.drafts import template
from adapters.kit.untrusted import checked_mapping
from consent import agreement_of
from gateway.edges.v1.shapes import BatchIn, DeliveryIn, ExchangeIn
from gateway.profile import load_profile

GUIDES = ROOT / "docs/guides"
ADDING = (GUIDES / "add-an-agency.md").read_text("utf-8")
CALLING = dict(blocks((GUIDES / "call-the-gateway.md").read_text("utf-8"), "json"))
PAGES_WITH_PYTHON = [GUIDES / "call-the-gateway.md", ROOT / "sdk/README.md"]


@pytest.mark.parametrize(("agency", "checks"), [("levy", 12), ("training", 14), ("trades", 14)])
def test_the_agency_of_the_guide_passes_the_conformance_suite(agency: str, checks: int, tmp_path: Path) -> None:
    for name, body in blocks(ADDING):
        if name.startswith(f"{agency}/"):
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(body, encoding="utf-8")
    command = [sys.executable, "-m", "gateway", "adapter", "check", agency]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{checks} of {checks} checks hold" in done.stdout


PARTS = [
    (kind, body)
    for kind, body in blocks(ADDING, "toml")
    if kind in {"auth", "xroad", "file", "sftp", "connector", "event"}
]


def test_the_guide_shows_a_part_of_each_kind() -> None:
    assert Counter(kind for kind, _ in PARTS) == Counter(auth=3, xroad=1, file=1, sftp=1, connector=1, event=1)


@pytest.mark.parametrize("number", range(len(PARTS)))
def test_a_part_that_the_guide_shows_is_one_that_a_manifest_may_have(number: int, tmp_path: Path) -> None:
    kind, body = PARTS[number]
    told = {"file": template("file", "fund"), "sftp": template("file", "fund")}.get(kind, template("rest", "fund"))
    whole = tomllib.loads(told["manifest.toml"].decode())
    part = tomllib.loads(body)
    if kind == "file":
        whole["service"]["contributions"] |= part
    else:
        whole |= part
    assert schemas.first_fault(schemas.validator("own/manifest.v1.json"), whole) is None
    known = {**declared_auth.KINDS, **declared_auth.SFTP}
    assert known[whole["auth"]["kind"]] <= set(whole["auth"])


def test_the_condition_that_the_guide_shows_fits_its_record() -> None:
    ((_, body),) = [each for each in blocks(ADDING, "toml") if each[0] == "condition"]
    lines = checked_mapping(body.encode())["certificate"]
    assert {each for each, line in lines.items() if "only_where" in line} == {"category", "valid_until"}
    assert list(conditions.faults(lines, "canonical/certificate.v1.json")) == []


@pytest.mark.parametrize(("name", "shape"), [("exchange", ExchangeIn), ("batch", BatchIn), ("delivery", DeliveryIn)])
def test_a_body_of_the_guide_is_taken(name: str, shape: type[ExchangeIn | BatchIn | DeliveryIn]) -> None:
    body = shape.model_validate(json.loads(CALLING[name]))
    assert body.purpose in load_profile("lk").purposes


def test_the_delivery_of_the_guide_fits_its_record() -> None:
    record = json.loads(CALLING["delivery"])["record"]
    assert schemas.validator("canonical/programme-update.v1.json").is_valid(record)


def test_the_agreement_and_the_consent_of_the_guide_have_their_shape() -> None:
    document, line = json.loads(CALLING["agreement"]), json.loads(CALLING["consent"])
    assert schemas.validator("own/agreement.v1.json").is_valid(document)
    assert schemas.validator("own/consent.v1.json").is_valid(line)
    assert agreement_of(document).id == document["id"]
    assert {each["service"] for each in document["services"]} == set(line["services"])
    assert "\n" not in CALLING["consent"].strip()


@pytest.mark.parametrize("page", PAGES_WITH_PYTHON, ids=name_of)
def test_python_on_a_page_uses_what_the_client_has(page: Path) -> None:
    for _, body in blocks(page.read_text("utf-8"), "python"):
        imports = [node for node in ast.parse(body).body if isinstance(node, ast.ImportFrom)]
        ours = [node for node in imports if node.module and node.module.partition(".")[0] == "sandhi_client"]
        assert ours
        for node in ours:
            module = importlib.import_module(str(node.module))
            assert {each.name for each in node.names} <= set(getattr(module, "__all__", vars(module)))
