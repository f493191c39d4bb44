"""What the pages say is so: links lead somewhere, commands exist, tables agree with the code."""

import re
import subprocess
import sys
from pathlib import Path

from architecture import decisions_page
from architecture.checkout import ROOT, blocks, name_of, pages, section, table
from architecture.commands import in_blocks, in_sentences, missing, refused
from architecture.settings_page import PAGE, page

from adapters.kit import discovery, golden, manifest
from gateway.settings import TABLE

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
OURS = re.compile(
    r"(adapters|audit|consent|docs|gateway|profiles|sandbox|schemas|scripts|sdk|tests)/[\w./-]*\w/?|registry/\w+\.py"
)
INVENTED = ("adapters/levy", "schemas/agency/levy")  # the worked example
OUTCOMES = [
    "answered",
    "no_data",
    "unknown_person",
    "ambiguous",
    "refused_by_rules",
    "refused_by_source",
    "our_error",
    "source_down",
    "source_stale",
    "no_link",
    "unknown",
]
COMMANDS = {
    *("serve", "worker", "sandbox", "demo", "call", "member", "system", "officer"),
    *("agreement", "consent", "adapter", "audit", "keys", "config", "bench", "jobs", "subscription"),
}


def _anchors(text: str) -> set[str]:
    """What a link may point to within a page: its headings as hosts of repositories spell them."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_relative_link_leads_somewhere() -> None:
    dead = []
    for each in pages():
        text = each.read_text("utf-8")
        for target in LINK.findall(re.sub(r"```.*?```", "", text, flags=re.DOTALL)):
            path, _, anchor = target.partition("#")
            if re.match(r"[a-z]+:", target):
                continue
            there = (each.parent / path).resolve() if path else each
            if not there.exists() or (anchor and anchor not in _anchors(there.read_text("utf-8"))):
                dead.append(f"{name_of(each)}: {target}")
    assert dead == []


def test_a_decision_record_is_named_by_its_number_alone() -> None:
    records = list((ROOT / "docs" / "decisions").glob("*.md"))
    numbers = sorted(each.name[:4] for each in records)
    assert numbers == sorted(set(numbers))
    assert [each.name for each in records if not each.read_text("utf-8").startswith(f"# {each.name[:4]}")] == []


def test_every_decision_is_on_the_page_of_decisions_under_its_own_title() -> None:
    anew = "write it anew: PYTHONPATH=tests .venv/bin/python tests/architecture/decisions_page.py"
    assert decisions_page.PAGE.read_text("utf-8") == decisions_page.page(), anew
    assert "|  |" not in decisions_page.page(), "a heading is `# 0001: What was decided`"


def _there(page: Path, path: str) -> bool:
    return (ROOT / path).exists() or (page.parent / path).exists()


def test_every_path_that_a_page_names_is_there() -> None:
    gone = [
        f"{name_of(each)}: {path}"
        for each in pages()
        for path in CODE.findall(each.read_text("utf-8"))
        if OURS.fullmatch(path) and not path.startswith(INVENTED) and not _there(each, path)
    ]
    assert gone == []


def test_every_make_target_that_a_page_names_is_in_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = {
        (name_of(each), word)
        for each in pages()
        for line in [
            *CODE.findall(each.read_text("utf-8")),
            *"\n".join(b for _, b in blocks(each.read_text("utf-8"))).splitlines(),
        ]
        if (found := re.match(r"(?:\$ )?make ([a-z-]+)", line))
        for word in found.groups()
    }
    assert named
    assert [f"{where}: make {word}" for where, word in sorted(named) if word not in targets] == []


def test_every_command_line_in_a_block_parses() -> None:
    found = [(each, line) for each in pages() for line in in_blocks(each.read_text("utf-8"))]
    faults = [f"{name_of(each)}: {line}: {fault}" for each, line in found if (fault := refused(line))]
    assert len(found) > 20
    assert faults == []


def test_every_command_that_a_sentence_names_exists() -> None:
    found = [(each, line) for each in pages() for line in in_sentences(each.read_text("utf-8"))]
    assert [f"{name_of(each)}: {line}: {fault}" for each, line in found if (fault := missing(line))] == []


def test_the_program_starts_and_shows_every_command() -> None:
    shown = subprocess.run([sys.executable, "-m", "gateway", "--help"], capture_output=True, text=True, check=True)
    assert set(re.findall(r"^│ ([a-z]+) ", shown.stdout, re.MULTILINE)) == COMMANDS


def test_the_settings_page_is_the_table() -> None:
    anew = "write it anew: PYTHONPATH=tests .venv/bin/python tests/architecture/settings_page.py"
    assert PAGE.read_text("utf-8") == page(), anew
    assert all(row.help.endswith(".") for row in TABLE)


def test_every_outcome_is_explained() -> None:
    headings = re.findall(r"^### `([a-z_.]+)`", (ROOT / "docs/errors.md").read_text("utf-8"), re.MULTILINE)
    assert set(OUTCOMES) <= set(headings)


def test_the_dci_profile_names_what_the_manifests_declare() -> None:
    rows = table(section((ROOT / "docs/profiles/dci.md").read_text("utf-8"), "## Names"))
    told = {service: (reg_type, answers == "at once", schema) for _, reg_type, service, answers, schema in rows}
    declared = {
        service.id: (service.dci_reg_type, service.immediate, f"schemas/{service.record_schema}")
        for folder in discovery.discover().values()
        for service in manifest.load(folder).services.values()
        if "read" in service.actions
    }
    assert {name: (kind, at_once, schema.split()[-1]) for name, (kind, at_once, schema) in told.items()} == declared


def test_every_adapter_has_a_page_an_owner_a_suite_and_an_answer_that_it_must_refuse() -> None:
    suites = "".join(each.read_text("utf-8") for each in (ROOT / "tests/contract").glob("test_adapter_*.py"))
    for name, folder in discovery.discover().items():
        assert (folder / "README.md").read_text("utf-8").startswith(f"# {name}")
        assert "@" in manifest.load(folder).owner
        assert any(sample.result == "error" for sample in golden.load(folder)), name
        assert f"adapters/{name}" in suites


def test_the_readme_lists_every_adapter() -> None:
    systems = section((ROOT / "README.md").read_text("utf-8"), "## Systems")
    assert set(discovery.discover()) <= set(re.findall(r"`adapters/(\w+)`", systems))
