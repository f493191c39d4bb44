"""`docs/settings.md`, made from the gateway's table and the adapters' manifests. Run to write it anew."""

from architecture.checkout import ROOT

from adapters.kit import discovery, manifest
from gateway.settings import TABLE

PAGE = ROOT / "docs/settings.md"
HEAD = """# Settings

Environment variables. `SANDHI_<NAME>_FILE` names a file that holds the value instead, for secrets that an orchestrator
mounts. Read once at the start; `sandhi config show` prints them, secrets only as `(set)`. This page is made from the
code (`tests/architecture/settings_page.py`).

## Gateway

| variable | default | |
| --- | --- | --- |
"""
ADAPTERS = """
## Adapters

An adapter is linked when all its settings are there; without them its services answer `no_link`. Optional ones are on
the adapter's own page.

| adapter | settings | secrets |
| --- | --- | --- |
"""


def page() -> str:
    """The whole page."""
    rows = (f"| `SANDHI_{row.name}` | {f'`{row.default}`' if row.default else '-'} | {row.help} |" for row in TABLE)
    return HEAD + "\n".join(rows) + "\n" + ADAPTERS + "\n".join(map(_adapter, discovery.discover())) + "\n"


def _adapter(name: str) -> str:
    references = set(manifest.load(discovery.discover()[name]).references.values())
    cells = []
    for kind in ("setting", "secret"):
        found = sorted(each.partition(":")[2] for each in references if each.startswith(f"{kind}:"))
        cells.append(", ".join(f"`SANDHI_{each}`" for each in found) or "-")
    return f"| [{name}](../adapters/{name}/README.md) | {cells[0]} | {cells[1]} |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
