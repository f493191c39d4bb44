"""What ESS asks to be told, as DCI has it: the registry's referrals, and the deaths of the people it has enrolled."""

from collections.abc import Sequence
from uuid import uuid4

from sandbox import dci

PURPOSE = "employment-support.referral"
MOST_NUMBERS = 50  # that one comparison may list; a filter may have as many comparisons
MOST_WATCHED = MOST_NUMBERS * MOST_NUMBERS


def referrals() -> dict[str, object]:
    """All referrals of the registry, as they come."""
    return _message([_item(dci.ESS, dci.ENROLMENT, "Member", "Refer people to employment support", {})])


def deaths_of(numbers: Sequence[str]) -> dict[str, object]:
    """Deaths in civil registration of these people, by national number; nobody else's is told.

    One item for all: a second one about the same event type would take the place of the first.

    Args:
        numbers: at most `MOST_WATCHED`.
    """
    listed, why = sorted(numbers), "End the support of who died"
    parts = [listed[place : place + MOST_NUMBERS] for place in range(0, len(listed), MOST_NUMBERS)]
    wanted: dict[str, object] = {"$or": [{"NIC": {"$in": part}} for part in parts]}
    return _message([_item("ns:org:RegistryType:Civil", "death", "Person", why, wanted)])


def _message(items: Sequence[dict[str, object]]) -> dict[str, object]:
    return {"transaction_id": str(uuid4()), "subscribe_request": list(items)}


def _item(reg_type: str, event_type: str, record_type: str, why: str, wanted: dict[str, object]) -> dict[str, object]:
    criteria = {
        "version": "1.0.0",
        "reg_type": reg_type,
        "reg_event_type": event_type,
        "filter_type": "expression",
        "filter": {"type": "ns:org:QueryType:expression", "value": {"expression": {"query": wanted}}},
        "notify_record_type": record_type,
        "authorize": {"purpose": {"code": PURPOSE, "text": why}},
    }
    return {"reference_id": str(uuid4()), "timestamp": dci.stamp(), "subscribe_criteria": criteria, "locale": "eng"}
