"""Linking, unlinking and changing an adapter are entries at the next start; starting again without a change is none."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from architecture.checkout import ROOT

from adapters.kit.manifest import load
from gateway.catalogue import Offer
from gateway.review.adapters_changed import note_changes, states
from gateway.review.running import settings_noted
from tests.reviewing import House, a_house

KEY = b"k" * 32
ADAPTER: Any = object()


class Place:
    """One adapter folder that may be edited, and its settings."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "pension"
        shutil.copytree(ROOT / "adapters" / "pension", self.folder, ignore=shutil.ignore_patterns("__pycache__"))
        services = load(self.folder).services.values()
        self.offers = [Offer(each, "LK/GOV/EPF/MEMBERS", ADAPTER) for each in services]
        self.setting = "one"

    async def noted(self, house: House) -> list[str]:
        now = house.services.people.clock()
        found = states({"pension": self.folder}, self.offers, lambda _name: self.setting, KEY)
        return await note_changes(house.services.db, house.services.log, found, now)


async def test_each_kind_of_change_is_an_entry_and_no_change_is_none(tmp_path: Path, database_url: str) -> None:
    place = Place(tmp_path)
    async with a_house(tmp_path, database_url) as house:
        assert await place.noted(house) == ["pension"]
        assert await place.noted(house) == []
        place.setting = "s3cret-canary"
        assert await place.noted(house) == ["pension"]
        mapping = place.folder / "mapping.toml"
        mapping.write_text(f"{mapping.read_text()}\n# another meaning\n")
        assert await place.noted(house) == ["pension"]
        (place.folder / "README.md").write_text("only words")
        assert await place.noted(house) == []
        place.offers = [replace(each, adapter=None) for each in place.offers]
        assert await place.noted(house) == ["pension"]
        (linked,) = await house.kinds("adapter.linked")
        by_setting, by_mapping = await house.kinds("adapter.changed")
        (unlinked,) = await house.kinds("adapter.unlinked")
    assert (linked["adapter"], linked["by"], "before" in linked) == ("pension", "operator", False)
    assert linked["after"]["provider"] == "LK/GOV/EPF/MEMBERS"
    assert by_setting["before"] == linked["after"]
    assert differing(by_setting) == {"settings"}
    assert differing(by_mapping) == {"folder"}
    assert (unlinked["before"], "after" in unlinked) == (by_mapping["after"], False)
    assert "s3cret-canary" not in str(by_setting)


def differing(facts: dict[str, Any]) -> set[str]:
    return {name for name, value in facts["after"].items() if facts["before"][name] != value}


async def test_a_starting_gateway_notes_what_is_linked_and_once(tmp_path: Path, sqlite_url: str) -> None:
    async with a_house(tmp_path, sqlite_url) as house:
        for _ in range(2):
            await settings_noted(house.services, house.services.people.clock())
        assert [each["adapter"] for each in await house.kinds("adapter.linked")] == [
            "pension"
        ]  # the one that is played
