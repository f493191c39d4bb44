"""Records on their way to employment support: written down first, handed to the gateway, followed to their end.

`handover.state`: `new` (written down), `sent` (the gateway has it), `refused` (the rules say no: it never left),
`no_link` (this deployment has no link to employment support: it never left either).
The idempotency key is made with the row, so sending again is the same delivery.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from sandhi_client import Delivery, Problem

from .checks import REFERRING
from .errors import StepFailed
from .member import member_of
from .stage import Stage
from .store import Row

AT_ONCE = 16
REFUSED = frozenset({"refused_by_rules", "not_available"})
NO_LINK = "no_link"
Record = Callable[[Row], Mapping[str, Any]]

OPEN = (
    "SELECT handover.member, kind, key, handover.day, delivery_id, member.record FROM handover "
    "JOIN member ON member.id = handover.member WHERE kind = ? AND state = ? ORDER BY handover.member"
)


async def send(stage: Stage, kind: str, service: str, record: Record) -> None:
    """Hand every new record of a kind to the gateway, some at once.

    Args:
        record: a row of `OPEN` -> the record to send; the same for the same row.

    Raises:
        SandhiError: one could not be handed over; run the step again to go on.
    """

    async def one(row: Row) -> None:
        try:
            delivery = await stage.client.deliver(
                service=service,
                purpose=REFERRING,
                subject=member_of(row).subject(),
                record=record(row),
                idempotency_key=row["key"],
            )
        except Problem as problem:
            if problem.code not in REFUSED:
                raise
            _note(stage, row, "refused", "")
            return
        _note(stage, row, _state(delivery), delivery.id)

    await at_once(one, stage.store.rows(OPEN, kind, "new"))


async def look_again(stage: Stage, kind: str, members: Iterable[str]) -> str:
    """Ask the gateway what became of deliveries that nobody has confirmed yet; says it in words.

    Raises:
        StepFailed: some cannot be delivered; they are not sent again by themselves.
    """
    wanted = set(members)
    rows = [row for row in stage.store.rows(OPEN, kind, "sent") if row["member"] in wanted]
    states: Counter[str] = Counter()
    stuck: list[str] = []

    async def one(row: Row) -> None:
        delivery = await stage.client.delivery(row["delivery_id"])
        states[f"{delivery.state} {delivery.outcome}".strip()] += 1
        if _state(delivery) != "sent":
            _note(stage, row, _state(delivery), delivery.id)
        elif delivery.state in {"failed", "unknown"}:
            stuck.append(delivery.outcome)

    await at_once(one, rows)
    if stuck:
        raise StepFailed(
            f"{len(stuck)} deliveries ended as {', '.join(sorted(set(stuck)))} and are not sent again by themselves; "
            "see the gateway's log"
        )
    return ", ".join(f"{number} {state}" for state, number in sorted(states.items()))


async def at_once(work: Callable[[Row], Awaitable[None]], rows: Iterable[Row]) -> None:
    """Work on all rows, `AT_ONCE` at a time; a failure stops its own lane and is raised when the others are done."""
    left = iter(rows)

    async def lane() -> None:
        for row in left:
            await work(row)

    ends = await asyncio.gather(*(lane() for _ in range(AT_ONCE)), return_exceptions=True)
    for end in ends:
        if isinstance(end, BaseException):
            raise end


def _state(delivery: Delivery) -> str:
    if delivery.outcome == NO_LINK:
        return NO_LINK
    return "refused" if delivery.outcome in REFUSED else "sent"


def _note(stage: Stage, row: Row, state: str, delivery_id: str) -> None:
    with stage.store.change() as connection:
        values = (state, delivery_id, row["member"], row["kind"])
        connection.execute(
            "UPDATE handover SET state = ?, delivery_id = ? WHERE member = ? AND kind = ?",
            values,
        )
