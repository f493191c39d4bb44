"""A page that shows work under way asks for itself again, and stops when nothing is: an idle page ends its session."""

import pytest

from pages import rendered

WORK = {
    "id": "B-1",
    "kind": "batch",
    "state": "running",
    "over": False,
    "attempts": 1,
    "last_failure": None,
    "created": "2026-11-22T10:00:00+00:00",
    "system": "LK/GOV/WBB/SRIS",
}


@pytest.mark.parametrize(("work", "asks"), [([], False), ([WORK | {"over": True}], False), ([WORK], True)])
def test_the_table_of_work_is_live_only_while_some_is_under_way(work: list[dict[str, object]], asks: bool) -> None:
    values = {"work": work, "letters": [], "found": {"exchanges": []}, "query": {}, "outcomes": [], "services": []}
    page = rendered("console/traffic.html", **values, faults=[], names={}, fault="", csrf="x")
    assert ("data-hx-trigger" in page) is asks
