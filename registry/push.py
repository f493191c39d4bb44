"""Step `push`: every approved line becomes one referral, and the wait for ESS's own word on each person.

A line is acknowledged when an event of ESS about this person has arrived; that the gateway or ESS took a message says
nothing about the person. Who did not agree to be referred is not pushed; who withdrew meanwhile is refused by the
gateway, and the line keeps that reason.
"""

import asyncio
import time
import uuid
from typing import Any

from .errors import StepFailed
from .handover import look_again, send
from .listing import set_reason, write
from .member import member_of
from .progress import standing
from .stage import Stage
from .store import Row, Store, unpacked

KIND, SERVICE = "referral", "ess.referral"
NO_BASIS = "no_basis_for_push"
READINESS = ("labour_ready", "needs_training", "assess_at_outreach")
APPROVED = "SELECT member, reasons FROM line WHERE decision = 'approved' ORDER BY member"
NO_LINK = "SELECT count(*) FROM handover WHERE kind = 'referral' AND state = 'no_link'"
EVERY_S, LOOK_S, PAUSE_S = 5.0, 10.0, 0.2


async def push(stage: Stage) -> None:
    """Push what is approved and not pushed yet, then wait until ESS has answered for every person.

    Raises:
        StepFailed: nothing new came from ESS for `REGISTRY_PATIENCE_S` seconds.
    """
    prepare(stage)
    await send(stage, KIND, SERVICE, lambda row: referral(stage, row))
    _keep_reasons(stage)
    stage.tell(f"{len(pushed(stage.store))} pushed, one item per person")
    await _acknowledged(stage)
    _keep_reasons(stage)
    states = standing(stage.store)
    rejected = sum(states.get(member) == "rejected" for member in pushed(stage.store))
    stage.tell(f"{len(pushed(stage.store)) - rejected} acknowledged, {rejected} rejected by ESS's own events")
    if unlinked := stage.store.count(NO_LINK):
        stage.tell(f"{unlinked} not pushed: this deployment has no link to employment support")
    if withheld := stage.store.count("SELECT count(*) FROM line WHERE reasons LIKE ?", f'%"{NO_BASIS}"%'):
        stage.tell(f"{withheld} not pushed: {NO_BASIS}")


def prepare(stage: Stage) -> None:
    """Write down every referral that will be sent, with its key."""
    day = stage.settings.day.isoformat()
    rows = [
        (row["member"], KIND, str(uuid.uuid4()), day, "new")
        for row in stage.store.rows(APPROVED)
        if NO_BASIS not in unpacked(row["reasons"])
    ]
    stage.store.put("INSERT OR IGNORE INTO handover (member, kind, key, day, state) VALUES (?, ?, ?, ?, ?)", rows)


def pushed(store: Store) -> list[str]:
    """Members whose referral the gateway has taken."""
    query = "SELECT member FROM handover WHERE kind = ? AND state = 'sent' ORDER BY member"
    return [row["member"] for row in store.rows(query, KIND)]


def referral(stage: Stage, row: Row) -> dict[str, Any]:
    """The record of `schemas/canonical/referral.v1.json`: what the office needs, and no more to reach the person."""
    member = member_of(row)
    (line,) = stage.store.rows("SELECT reasons, verify, evidence FROM line WHERE member = ?", member.id)
    told = stage.store.rows("SELECT content FROM answer WHERE member = ? AND step = 'education'", member.id)
    phone = member.record.get("phone")
    person: dict[str, Any] = {
        "names": [name._asdict() for name in member.names],
        "sex": member.record["sex"],
        "birth_date": member.record["birth_date"],
        "language": member.record["language"],
    }
    return {
        "member_id": member.id,
        "person": person | ({"phone": phone} if phone else {}),
        "location": {name: member.record[name] for name in ("gn_division", "ds_division", "district")},
        "readiness": next(each for each in READINESS if each in unpacked(line["reasons"])),
        "verify": unpacked(line["verify"]),
        "highest_level": unpacked(told[0]["content"]).get("highest_level") if told else None,
        "evidence": unpacked(line["evidence"]),
    } | ({"channel": member.record["channel"]} if phone else {})


async def _acknowledged(stage: Stage) -> None:
    moved = shown = looked = time.monotonic()
    before, at_gateway = -1, "nothing known"
    while waiting := sorted(set(pushed(stage.store)) - standing(stage.store).keys()):
        now = time.monotonic()
        if len(waiting) != before:
            before, moved = len(waiting), now
        if now - shown > EVERY_S:
            shown = now
            stage.tell(f"waiting for ESS's word on {len(waiting)} people")
        if now - max(moved, looked) > LOOK_S:
            looked, at_gateway = now, await look_again(stage, KIND, waiting)
        if now - moved > stage.settings.patience_s:
            raise StepFailed(
                f"ESS has said nothing about {len(waiting)} pushed people for {stage.settings.patience_s:.0f} s "
                f"(at the gateway: {at_gateway}); check that ESS and the registry's server run, then run the step "
                "push again to go on waiting"
            )
        await asyncio.sleep(PAUSE_S)


def _keep_reasons(stage: Stage) -> None:
    """Refused by the rules: the line says so from now on."""
    for row in stage.store.rows("SELECT member FROM handover WHERE kind = ? AND state = 'refused'", KIND):
        set_reason(stage, row["member"], NO_BASIS)
    write(stage)
