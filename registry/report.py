"""The registry's members of `report.json`; the others are the gateway's and the agencies'."""

from typing import Any

from .control import differences, numbers
from .facts import SOURCE_OF
from .settings import Settings
from .store import Store

CHECKED = "SELECT step, count(*) FROM ask GROUP BY step"


def figures(settings: Settings, store: Store) -> dict[str, Any]:
    """Numbers only. `people` are distinct national numbers in their one normal form: a person may have two records.

    `segments` counts acknowledged people by the local office of their district.
    """
    found = numbers(store)
    checked = store.counts(CHECKED)
    return {
        "date": settings.day.isoformat(),
        "people": store.count("SELECT count(DISTINCT number) FROM member"),
        "flagged": found.flagged,
        "outcomes": dict(found.outcomes),
        "checked": {source: checked.get(step, 0) for step, source in SOURCE_OF.items()},
        "potentially_unemployed": found.potentially_unemployed,
        "labour_ready": found.readiness["labour_ready"],
        "needs_training": found.readiness["needs_training"],
        "counsellor": found.counsellor,
        "listed": found.potentially_unemployed,
        "approved": found.approved,
        "pushed": found.pushed,
        "acknowledged": found.acknowledged,
        "offices": len(found.segments),
        "segments": dict(found.segments),
        "enrolled": found.enrolled,
        "confirmed_households": found.confirmed_households,
        "unexplained": len(list(differences(store, found))),
    }
