"""A declared query is one select with a place for each value, and its account says where and as whom, nothing else."""

from pathlib import Path

import pytest

from adapters.kit import manifest as manifests
from adapters.kit.base import NotConfigured
from adapters.kit.egress import Dialler
from adapters.kit.manifest import ManifestError
from adapters.kit.opening import open_adapter

FOLDER = Path(__file__).parents[2] / "agencies/offers_view"


@pytest.mark.parametrize(
    ("query", "fault"),
    [
        ("delete from sandhi_people where nic = :nic", "one select"),
        ("select 1 where :nic = :nic; drop table x", "one select"),
        ("select 1 -- :nic", "one select"),
        ("select office into y from x where nic = :nic", "one select"),
        ("select office from x where nic = :nic for update", "one select"),
        ("select office from x where nic = $1", "one select"),
        ("select set_config('default_transaction_read_only', 'off', false) from x where nic = :nic", "one select"),
        ("select U&'set!005fconfig' uescape '!' from x where nic = :nic", "one select"),
        ("select office from x where nic = ':nic'", "inside quotes"),
        ("select office from x where nic = :number", "are not the same"),
        ("select office from x", "are not the same"),
    ],
)
def test_the_manifest_takes_one_select_with_a_place_for_each_value(tmp_path: Path, query: str, fault: str) -> None:
    folder = tmp_path / "offers_view"
    folder.mkdir()
    (folder / "rows.json").write_bytes((FOLDER / "rows.json").read_bytes())
    told = (FOLDER / "manifest.toml").read_text()
    begin, end = told.index('"""'), told.rindex('"""') + 3
    text = told[:begin] + repr(query) + told[end:]
    text = text.replace('{ nic = "identifier:NIC", day = "as_at" }', '{ nic = "identifier:NIC" }')
    (folder / "manifest.toml").write_text(text.replace(repr(query), '"' + query + '"'))
    with pytest.raises(ManifestError, match=fault):
        manifests.load(folder)


@pytest.mark.parametrize(
    "changed", [{"PORT": "x"}, {"PORT": "0"}, {"PORT": "70000"}, {"USER": "a\0options\0b"}, {"DATABASE": "d\0"}]
)
def test_a_setting_that_is_no_port_or_would_say_more_than_one_thing_is_refused_at_once(changed: dict[str, str]) -> None:
    values = {"HOST": "127.0.0.1", "PORT": "5432", "USER": "u", "PASSWORD": "p", "DATABASE": "d", **changed}
    settings = {f"OFFERS_VIEW_{name}": value for name, value in values.items()}
    with pytest.raises(NotConfigured):
        open_adapter(FOLDER, settings.__getitem__, Dialler())


def test_a_query_that_names_nobody_is_refused_for_it_would_give_anybodys_rows(tmp_path: Path) -> None:
    told = (FOLDER / "manifest.toml").read_text()
    folder = tmp_path / "offers_view"
    folder.mkdir()
    (folder / "rows.json").write_bytes((FOLDER / "rows.json").read_bytes())
    begin, end = told.index('"""'), told.rindex('"""') + 3
    lines = f'{told[:begin]}"select office from sandhi_people"{told[end:]}'.splitlines()
    (folder / "manifest.toml").write_text("\n".join(each for each in lines if not each.startswith("request")))
    with pytest.raises(ManifestError, match="anybody's rows"):
        manifests.load(folder)
