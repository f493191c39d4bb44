"""What an officer who does not read evidence sees first: what waits, where else their work is, and their roles."""

from collections.abc import Mapping
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse

import pages

from .. import places
from ..edges.v1 import approvals, letters, posture, proposals
from ..edges.v1.party import of_officer
from ..people import Right, SignedIn
from ..people.roles import ROLES
from ..trust import Trust
from ..wiring import Services
from .names import ourselves
from .page import page
from .signed import WIDENING, to_widen

AHEAD_DAYS = 90
KEYS = frozenset({"key", "member_key"})


async def home(request: Request, who: SignedIn) -> HTMLResponse:
    """Counts are those of the pages they lead to; a count that an officer's roles do not give is not asked for."""
    trust: Trust = request.app.state.trust
    profile = request.app.state.people.profile
    names = {**ourselves(profile), **places.names(profile.folder), **(await trust.register()).names}
    values: dict[str, Any] = {
        "id": who.id,
        "name": who.officer.name,
        "member": who.officer.member,
        "names": names,
        "waits": await _waits(request, who),
        "roles": {each.role for each in who.grants},
        "rows": rows_of_roles(who, names),
    }
    return page(request, who, "home.html", **values)


def rows_of_roles(who: SignedIn, names: Mapping[str, str]) -> list[list[str]]:
    """Role, for what, until when."""
    return [
        [
            pages.said(ROLES[each.role].title),
            pages.said(names.get(each.member or each.territory, each.member or each.territory or "the gateway")),
            pages.day(each.expires_at),
        ]
        for each in who.grants
    ]


async def _waits(request: Request, who: SignedIn) -> dict[str, int]:
    waits: dict[str, int] = {}
    agency = bool(who.giving(Right.AGENCY_RUN))
    if who.giving(Right.APPROVALS_READ):
        asked: Any = (await approvals.get_approvals(who, request.app.state.people))["approvals"]
        others = [each for each in asked if each["state"] == "proposed" and each["proposed_by"] != who.id]
        waits["approvals"] = sum(not agency or each["kind"] != WIDENING for each in others)  # those are told below
    if agency:
        here: Services = request.app.state.services
        party = of_officer(who, Right.AGENCY_RUN)
        unsigned: Any = (await proposals.get_proposals(party, here.db))["proposals"]
        waits["signatures"] = sum(each["waits_for_you"] for each in unsigned)
        waits["widenings"] = len(await to_widen(who, party, here))
        found: Any = (await posture.get_forecast(party, here.db, here.trust, AHEAD_DAYS))["ends"]
        waits["keys"] = sum(each["what"] in KEYS for each in found)
    if who.giving(Right.GATEWAY_RUN):
        groups: Any = (await letters.get_letters(who, request.app.state.services))["groups"]
        waits["letters"] = sum(each["count"] for each in groups)
    return waits
