"""What every adapter that pays checks of an order before anything leaves."""

from collections.abc import Collection

import schemas
from adapters.kit.contract import AgencyRejectedMessage, Item, Service


def check_order(item: Item, service: Service, *, kinds: Collection[str]) -> None:
    """Raises AgencyRejectedMessage unless the item is a payment order to an account of one of these kinds.

    `code`: `record`, `kind` or `amount`.
    """
    if (fault := schemas.first_fault(schemas.validator(service.record_schema), item.record)) is not None:
        raise AgencyRejectedMessage(f"the record breaks {service.record_schema} at {fault}", code="record")
    if item.record["pay_kind"] not in kinds:
        raise AgencyRejectedMessage(f"{service.id} pays to {', '.join(sorted(kinds))} only", code="kind")
    if item.record["amount"] == "0.00":
        raise AgencyRejectedMessage("an order of nothing is not sent", code="amount")
