"""Events: a thousand subscribers and ten thousand events in one run, decided and handed over one by one."""

from typing import Any

from bench.arithmetic import Figure, ratio_of
from bench.house import House

SUBSCRIBERS, EVENTS, BROADCAST = 1_000, 10_000, 10


def measure(house: House) -> list[Figure]:
    """Each event is wanted by one of the thousand, by its filter; then a few that everybody wants.

    The receivers take everything at once, in this process: what is measured is the gateway's own work, from the event
    taken to the last outcome entry durable.
    """
    url = f"sqlite+aiosqlite:///{house.folder / 'events.db'}"
    events = EVENTS if house.scale.seconds >= 2 else EVENTS // 10
    asked = {"url": url, "folder": str(house.folder), "subscribers": SUBSCRIBERS, "events": events}
    found: dict[str, Any] = house.inside("events", **asked, broadcast=BROADCAST)
    filtered, everybody = found["filtered"], found["everybody"]
    title = f"{SUBSCRIBERS:,} subscribers and {events:,} events, one of them wants each"
    return [
        Figure(f"{title}: events", filtered["events"], "events/s", target=">= 100"),
        Figure(f"{title}: handovers", filtered["handovers"], "handovers/s"),
        Figure(
            f"{BROADCAST} events that all {SUBSCRIBERS:,} want: handovers",
            everybody["handovers"],
            "handovers/s",
            None,
            None,
            "filtered",
            ratio_of(everybody["handovers"], filtered["handovers"]),
            ">= 0.9",
        ),
    ]
