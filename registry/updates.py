"""Step `updates`: what changed for people in employment support, both ways (case management).

From the registry: who found a job, moved or left the programme, as household visits report it, and who died, as civil
registration told. The synthetic intake has no visits, so a fixed share of the people, chosen by a digest, stands in
for their reports; deaths are real events of the run. From ESS: who attended, completed, was placed, dropped out.
"""

import hashlib
import uuid
from typing import Any

from .feedback import quiet
from .handover import send
from .progress import died, standing
from .push import pushed
from .stage import Stage
from .store import Row

SERVICE = "ess.update"
DIED = "died"
REPORTED = ((3, "job_found"), (5, "moved"), (6, "withdrew"))  # of 100 people, counted up
EVENTS = (*(event for _, event in REPORTED), DIED)
PROGRESS = (
    "SELECT state, count(*) FROM event WHERE name = 'progress' AND member IS NOT NULL GROUP BY state ORDER BY state"
)
SENT = "SELECT state, count(*) FROM handover WHERE kind = ? GROUP BY state ORDER BY state"


async def updates(stage: Stage) -> None:
    """Tell ESS what changed, once each, and show what it told us."""
    await quiet(stage)
    prepare(stage)
    for event in EVENTS:
        await send(stage, event, SERVICE, _update)
        if told := stage.store.counts(SENT, event):
            stage.tell(f"to ESS: {event}: " + _counted(told))
    stage.tell("from ESS: " + (_counted(stage.store.counts(PROGRESS)) or "nothing"))
    stage.tell(f"from civil registration: deaths of {len(died(stage.store))} registered people")


def prepare(stage: Stage) -> None:
    """Write down every update that will be sent, with its key and day."""
    states = standing(stage.store)
    people = [member for member in pushed(stage.store) if states.get(member) != "rejected"]
    deaths = died(stage.store)
    day = stage.settings.day.isoformat()
    changes = [(member, DIED, deaths[member]) for member in people if member in deaths]
    changes += [(member, event, day) for member in people if member not in deaths and (event := reported(member))]
    rows = [(member, event, str(uuid.uuid4()), on, "new") for member, event, on in changes]
    stage.store.put("INSERT OR IGNORE INTO handover (member, kind, key, day, state) VALUES (?, ?, ?, ?, ?)", rows)


def reported(member: str) -> str | None:
    """What household visits report about this person, if anything."""
    share = int.from_bytes(hashlib.sha256(f"visit {member}".encode()).digest()[:4]) % 100
    return next((event for below, event in REPORTED if share < below), None)


def _update(row: Row) -> dict[str, Any]:
    return {"member_id": row["member"], "event": row["kind"], "date": row["day"]}


def _counted(told: dict[str, int]) -> str:
    return ", ".join(f"{word} {number}" for word, number in told.items())
