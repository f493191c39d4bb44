"""`/console/agency`: what an agency's administrator looks after, and what ends when.

As `/v1/systems`, `/v1/forecast`, and `/v1/approvals` for what takes two people.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import Response

from adapters.kit import strict_json
from pages import Refused

from ..edges.refusal import ProblemError
from ..edges.v1 import approvals, contests, posture, proposals, systems, unmapped
from ..edges.v1.members import KeysIn
from ..edges.v1.party import own
from ..people import Right
from ..trust import held_keys
from ..wiring import Services
from . import proposed
from .doing import changes_of, form_of, party_with, refusal
from .forms import shaped
from .names import names_of
from .page import done, page
from .signed import to_widen
from .surely import Asked, asked_first

router = APIRouter(prefix="/console/agency", include_in_schema=False)
AHEAD_DAYS = 90
NEVER_AGAIN = "What is signed with it is refused at once. A retired key does not come back."
LAST_KEY = "It is the only key of %(name)s: from then on this system gets nothing, until a next key is added."
OTHERS = "%(name)s goes on with its other keys."
NEXT_KEY = "Add the next key"
OF_SYSTEMS = {"key": NEXT_KEY, "key_set": "Look at the keys", "certificate": "Look at the system"}
TO_SIGN_WITH = "Make the next key to sign with"
OF_AGREEMENTS = {"agreement": "Read the agreement", "review": "Read the agreement"}


@router.get("")
async def front(request: Request) -> Response:
    """What waits to be done, what there is to look after, and what ends within ninety days."""
    who, party, here = await party_with(request, Right.AGENCY_RUN)
    found: dict[str, Any] = await posture.get_forecast(party, here.db, here.trust, AHEAD_DAYS)
    owned: Any = (await systems.get_systems(party, here.trust))["systems"]
    open_ones: Any = (await proposals.get_proposals(party, here.db))["proposals"]
    contested: Any = await contests.get_contests(party, await contests.citizens(request), open_only=True)
    codes: Any = (await unmapped.get_unmapped(party, here))["unmapped"]
    ends = [each | {"way": _way(each)} for each in found["ends"]]
    values: dict[str, Any] = {
        "member": party.member,
        "ends": ends,
        "keys": [each for each in ends if each["what"] in {"key", "member_key"}],
        "without_key": await _without_key(owned, here),
        "to_sign": [each for each in open_ones if each["waits_for_you"]],
        "to_widen": await to_widen(who, party, here),
        "codes": len(codes),
        "contested": len(contested["contests"]),
        "days": AHEAD_DAYS,
        "names": await names_of(here, who),
    }
    return page(request, who, "console/agency.html", **values)


def _way(line: Mapping[str, Any]) -> tuple[str, str] | None:
    """Where something is done about what ends: address and words; None where a page has no form for it."""
    if words := OF_SYSTEMS.get(line["what"]):
        return f"/console/agency/systems/{line['owner'].replace('/', '.')}#next-key", words
    if line["what"] == "member_key":
        return "/console/agency/agreements#key", TO_SIGN_WITH
    if words := OF_AGREEMENTS.get(line["what"]):
        return f"/console/agency/agreements/signed/{quote(line['name'].rpartition(' v')[0], safe='')}", words
    return None


@router.get("/systems")
async def listed(request: Request) -> Response:
    """The agency's systems."""
    who, party, here = await party_with(request, Right.AGENCY_RUN)
    found: dict[str, Any] = await systems.get_systems(party, here.trust)
    without = [each["id"] for each in await _without_key(found["systems"], here)]
    return page(request, who, "console/systems.html", found=found["systems"], without_key=without)


async def _without_key(found: Sequence[Mapping[str, Any]], here: Services) -> list[Mapping[str, Any]]:
    """In force, but its last key was retired or ended: nobody can tell any more that it is this system."""
    other = ("jwks_uri", "client_secret")  # keys that are fetched, or another way to sign in
    active = [each for each in found if each["state"] == "active" and not any(map(each["policy"].get, other))]
    async with here.db.read() as connection:
        lost = await held_keys.lost(connection, [each["id"] for each in active], here.people.clock())
    return [each for each in active if each["id"] in lost]


@router.get("/systems/{system}")
async def one(system: str, request: Request) -> Response:
    """One system: its keys, what ends when, where it is called back."""
    return await _one(system, request)


@router.post("/systems/{system}/keys")
async def add_keys(system: str, request: Request) -> Response:
    """The first half of a rotation."""
    who, party, here = await party_with(request, Right.AGENCY_RUN)
    form = await form_of(request, who)
    party.need_fresh(here.people.clock())
    refused = await refusal(_added(system, str(form.get("jwks", "")), party, here), {}, "jwks")  # it may hold a secret
    return await _one(system, request, refused) if refused else done(f"/console/agency/systems/{system}", "saved")


@router.post("/systems/{system}/retire")
async def retire_key(system: str, request: Request) -> Response:
    """The second half of a rotation."""
    who, party, here = await party_with(request, Right.AGENCY_RUN)
    form = await form_of(request, who)
    kid = str(form.get("kid", ""))
    party.need_fresh(here.people.clock())  # before the reason is typed, not after
    why = asked_first(request, who, form, await _retiring(system, kid, party, here))
    if isinstance(why, Response):
        return why
    refused = await refusal(systems.delete_key(system, kid, party, changes_of(here), why), {}, "keys")
    return await _one(system, request, refused) if refused else done(f"/console/agency/systems/{system}", "saved")


@router.post("/systems/{system}/callback")
async def propose_callback(system: str, request: Request) -> Response:
    """A new address takes two people: proposed here, decided under approvals."""
    who, party, here = await party_with(request, Right.AGENCY_RUN)
    form = await form_of(request, who)

    async def work() -> None:
        body = {
            "kind": "callback.host",
            "subject": own(system, party),
            "member": party.member,
            "document": {str(form.get("service", "")): str(form.get("url", ""))},
            "reason": str(form.get("reason", "")),
        }
        await approvals.post_approval(shaped(approvals.ApprovalIn, body), who, here.people, here.trust)

    refused = await refusal(work(), form, "url")
    return await _one(system, request, refused) if refused else done(f"/console/agency/systems/{system}", "proposed")


async def _retiring(system: str, kid: str, party: Any, here: Services) -> Asked:
    """The last key is told apart: without one nobody can tell that it is this system."""
    found: dict[str, Any] = await systems.get_system(system, party, here.trust)
    signing = [each["kid"] for each in found["jwks"]["keys"] if each.get("use") != "enc"]
    last = signing == [kid] and not found["policy"]["client_secret"]
    told = (NEVER_AGAIN, LAST_KEY if last else OTHERS)
    back = f"/console/agency/systems/{found['id'].replace('/', '.')}"
    return Asked("Retire key %(kid)s?", told, "Retire it", back, {"kid": kid, "name": found["name"]})


async def _added(system: str, text: str, party: Any, here: Services) -> None:
    try:
        document = strict_json.loads(text.encode("utf-8", "replace"))
    except strict_json.StrictError:
        raise ProblemError("bad_request.keys", 'Paste the public keys as JSON: {"keys": [...]}.') from None
    if isinstance(document, dict) and "kty" in document:
        document = {"keys": [document]}
    await systems.post_keys(system, shaped(KeysIn, {"jwks": document}), party, changes_of(here))


async def _one(system: str, request: Request, refused: Refused | None = None) -> Response:
    who, party, here = await party_with(request, Right.AGENCY_RUN)
    found: dict[str, Any] = await systems.get_system(system, party, here.trust)
    ends: dict[str, Any] = await posture.get_forecast(party, here.db, here.trust, 366)
    values: dict[str, Any] = {
        "found": found,
        "dotted": found["id"].replace("/", "."),
        "names": await names_of(here, who),
        "waiting": await proposed.waiting(who, here, found["id"]),
        "ends": [each for each in ends["ends"] if each["owner"] == found["id"]],
        "services": [
            {"value": each["service"].rpartition("/")[2], "text": each["service"]} for each in found["services"]
        ],
    }
    return page(request, who, "console/system.html", refused=refused, **values)
