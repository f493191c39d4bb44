"""What a programme asks civil registration: to be told of deaths. Source: DCI CRVS 1.0.0, `SubscribeRequest`."""

from typing import Any
from uuid import uuid4

from sandbox import dci

CIVIL = "LK.GOV.RGD.CRVS"
PURPOSE = "social-protection.enrolment"


def death_subscription() -> dict[str, Any]:
    """All deaths, as they are registered."""
    criteria = {
        "version": "1.0.0",
        "reg_type": "ns:org:RegistryType:Civil",
        "reg_event_type": "death",
        "filter_type": "expression",
        "filter": {"type": "ns:org:QueryType:expression", "value": {"expression": {"query": {}}}},
        "notify_record_type": "Person",
        "authorize": {"purpose": {"code": PURPOSE, "text": "Give the place of a beneficiary who died to the next one"}},
    }
    item = {"reference_id": str(uuid4()), "timestamp": dci.stamp(), "subscribe_criteria": criteria, "locale": "eng"}
    return {"transaction_id": str(uuid4()), "subscribe_request": [item]}
