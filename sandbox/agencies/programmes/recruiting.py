"""Public works takes on workers of households that it finds in the social registry (PRS.EMP.03, example 1).

A worker applies with their number; the programme searches the registry for it through the gateway, and takes the person
on if somebody of the household is out of work. Then it tells the registry, as any programme does.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from sandbox.gateway_client import GatewayRefused

from .work import Mis

PURPOSE = "social-protection.public-works"
SOCIAL = "ns:org:RegistryType:Social"


async def recruited(mis: Mis, client: Any, applicants: Iterable[tuple[str, Mapping[str, Any]]]) -> dict[str, str]:
    """Search for each applicant and take on who may be.

    Args:
        client: the programme's `GatewayClient`.
        applicants: number (NIC), and what the application form says: names and birth date.

    Returns:
        Number -> `taken`, `not registered`, `at work`, or the gateway's code of a refusal.
    """
    outcomes: dict[str, str] = {}
    for number, form in applicants:
        try:
            member = await _searched(mis, client, number)
        except GatewayRefused as error:
            outcomes[number] = error.code
            continue
        if member is None:
            outcomes[number] = "not registered"
        elif member.get("employment_status") != "not_employed":
            outcomes[number] = "at work"
        else:
            mis.enlist(number, _candidate(mis, member, form))
            outcomes[number] = "taken"
    return outcomes


async def _searched(mis: Mis, client: Any, number: str) -> Mapping[str, Any] | None:
    """The registry's record as the gateway releases it; None for somebody who is not registered.

    Raises:
        GatewayRefused: the search was rejected; the code is the gateway's.
    """
    criteria = {
        "version": "1.0.0",
        "reg_type": SOCIAL,
        "reg_record_type": "Member",
        "query_type": "idtype-value",
        "query": {"type": "UIN", "value": number},
        "authorize": {"purpose": {"code": PURPOSE, "text": "Find workers for public works"}},
    }
    item = await client.search(mis.settings.registry, criteria)
    if item["status"] != "succ":
        raise GatewayRefused(200, str(item.get("status_reason_message", "")).partition(":")[0])
    records = item["data"]["reg_records"]
    return records[0] if records else None


def _candidate(mis: Mis, member: Mapping[str, Any], form: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "member_id": member["member_id"],
        "household_id": member["household_id"],
        "programme": mis.programme.id,
        "rank": 1,
        "basis": "application",
        "ds_division": member["ds_division"],
        "gn_division": member["gn_division"],
        "names": form["names"],
        "birth_date": form["birth_date"],
        "listed_on": mis.day.isoformat(),
    }
