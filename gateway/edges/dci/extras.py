"""What single interfaces have beside the registry's paths: is this person enrolled, disabled, and with what support.

| path | interface | answer |
| --- | --- | --- |
| `sync/check-enrollment` | ESS | `enrolled_status`, one of six words |
| `sync/enrolled` | IBR | `enrolled_status` yes or no |
| `sync/disabled` | DR | `disabled_status` yes or no |
| `sync/get-disability-support`, `sync/get-disability-details` | DR | `search_response` |

They carry no `reg_type`: the interface names the register, `receiver_id` the provider where there are several. Each is
one exchange; "no" is told only to who may know that the register has nobody.

Source: SPDCI OpenAPI 1.0.0 `EnrolledRequest`, `DisabledRequest` and their responses.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import uuid4

from fastapi.responses import Response

from ...wiring import Services
from .answering import Answered, answered, offer_for
from .envelope import Received, reply, stamp
from .operations import Interface

CRITERIA = ("enrolled_criteria", "disabled_criteria")
REG_TYPES = {"ESS": "ns:org:RegistryType:ESS", "IBR": "ns:org:RegistryType:IBR", "DR": "ns:org:RegistryType:DR"}
STATUSES = frozenset({"Active", "Deceased", "Suspended", "Inactive", "Reinstated", "Awaiting Renewal"})
"""Of ESS's `enrolled_status`; its own code list has `Exited` too, which the file has no room for: told as Inactive."""
NOBODY = frozenset({"unknown_person", "no_data"})
WORDS: Mapping[str, tuple[str, ...]] = {  # the members of a record that the answer is taken from: of ESS the first
    "sync/check-enrollment": ("status", "enrolled"),
    "sync/enrolled": ("enrolled",),
    "sync/disabled": ("disabled", "is_disabled", "enrolled"),
}
ONE = "bad_request.query: ask about one person at a time"
LACKING = "not_available: the answer is taken from {}, which was not released"


async def asked_about(message: Received, consumer: str, here: Services) -> Response:
    """The reply envelope of any of them. Raises NoEvidence."""
    criteria = next(message.message[name] for name in CRITERIA if name in message.message)
    item: dict[str, Any] = {
        "reference_id": str(uuid4()),
        "timestamp": stamp(),
        "search_criteria": _criteria(criteria, message.interface),
    }
    end = await answered(item, consumer, message.asking(here), here)
    member = message.operation.empty
    path = message.operation.path
    if path in WORDS and end.people:
        end = _sure(end, path, offer_for(item["search_criteria"], message.asking(here), here).service.fields)
    shown = _found(end, path) if member == "search_response" else _yes_or_no(end, member, path)
    content = {"transaction_id": message.transaction_id, "correlation_id": str(uuid4()), member: shown}
    return reply(here, message, content, completed=int(bool(shown) and end.status == "succ"), text=end.text)


def _criteria(criteria: Mapping[str, Any], interface: Interface) -> dict[str, Any]:
    """The criteria of a search; a query of this dialect may come without a query_type."""
    return {"query_type": "expression", "reg_type": REG_TYPES[interface.name], **criteria}


def _sure(end: Answered, path: str, fields: frozenset[str]) -> Answered:
    """The end, or none where it names several people, or lacks what the answer is taken from: a guess is no answer."""
    if len(end.people) > 1:
        return replace(end, status="rjct", text=ONE, kept=())
    known = [name for name in WORDS[path] if name in fields]
    lacking = [name for name in (known[:1] if path == "sync/check-enrollment" else known) if end.found]
    lacking = [name for name in lacking if name not in (end.found[0].record or {})]
    return replace(end, status="rjct", text=LACKING.format(lacking[0]), kept=()) if lacking else end


def _yes_or_no(end: Answered, member: str, path: str) -> Sequence[Mapping[str, Any]]:
    """One item, or none where the answer is not to be told: an item must have a status, and a guess is no answer."""
    if end.status != "succ" or (not end.found and end.text not in NOBODY):
        return []
    record = (end.found[0].record or {}) if end.found else {}
    status = _enrolled(record) if path == "sync/check-enrollment" else _said(record, path, found=bool(end.found))
    if not status:
        return []
    item = {"reference_id": end.reference_id, "timestamp": stamp(), "status": "succ"}
    said = {"status_reason_message": end.text} if end.text else {}
    return [item | said | {member.replace("response", "status"): status}]


def _enrolled(record: Mapping[str, Any]) -> str:
    """ESS's word; empty where nobody is known there, for which it has none."""
    if not record:
        return ""
    status = record.get("status")
    if status in STATUSES:
        return str(status)
    return "Inactive" if status == "Exited" or record.get("enrolled") is False else "Active" if record else ""


def _said(record: Mapping[str, Any], path: str, *, found: bool) -> str:
    """Yes, unless the register has nobody, or its record says no by a member of that name."""
    flags = [record[name] for name in WORDS[path] if name in record]
    return "yes" if found and all(flags) else "no"


def _found(end: Answered, path: str) -> Sequence[Mapping[str, Any]]:
    """As a search's answer; `reg_records` is a list here, and of lists for support."""
    item = {name: each for name, each in end.wire(LISTS).items() if name != "pagination"}
    if "data" in item:
        records = item["data"]["reg_records"]
        nested = [records] if records and path == "sync/get-disability-support" else records
        item["data"] = {"version": item["data"]["version"], "reg_records": nested}
    return [item]


LISTS = Interface("DR", "", frozenset())
