"""G2P Connect disbursement: orders out, statuses and signed callbacks in. Pure functions, no network.

Source: G2P Connect, disbursement API 1.0.0; `schemas/agency/g2p-connect/SOURCE.md` names where that file slips.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import schemas
from adapters.kit import strict_json
from adapters.kit.codes import own_lists
from adapters.kit.contract import AgencyAnswerMalformed, AgencyHasNoSuchPerson, HookRefused, StateTold
from adapters.kit.detached import Checker, NotSigned, canonical
from adapters.kit.mapping import MappingError

SCHEMA = "agency/g2p-connect/disburse.json"
FRESH = timedelta(minutes=5)  # how far a callback's time may be from ours
STATES = own_lists(__file__)["state"]
_RANK = {"received": 0, "pending": 1, "paid": 2, "rejected": 2}


def disbursement(order: Mapping[str, Any], payer: str) -> dict[str, object]:
    """One line of a `disburse` message for a canonical payment order; `payer` is a financial address."""
    return {
        "reference_id": order["payment"],
        "payer_fa": payer,
        "payee_fa": f"{order['pay_kind']}:{order['pay_account']}@{order['pay_provider']}",
        "amount": order["amount"],
        "currency_code": order["currency"],
        "scheduled_timestamp": f"{order['pay_on']}T00:00:00+05:30",  # the day is one of Colombo
        "payee_name": order["payee_name"],
        "purpose": f"{order['programme']} {order['month']}",
    }


def status_question(reference: str, payment: str) -> dict[str, object]:
    """`txnstatus_request` for one payment; `reference` names this question."""
    return {
        "reference_id": reference,
        "txn_type": "disburse",
        "attribute_type": "reference_id_list",
        "attribute_value": [payment],
    }


def outcome(payload: Any, payment: str) -> dict[str, Any]:
    """What the answer to a status question says of a payment.

    Raises:
        AgencyHasNoSuchPerson: the provider was never given this reference.
        AgencyAnswerMalformed: it speaks of another payment, or of this one twice.
    """
    found = payload["message"]["txnstatus_response"]["txn_status"]["disbursements_status"]
    if not found:
        raise AgencyHasNoSuchPerson("the provider has no payment under this reference", code="not_found")
    if [each["reference_id"] for each in found] != [payment]:
        raise AgencyAnswerMalformed("the answer is not about this payment alone")
    only: dict[str, Any] = found[0]
    return only


def record(told: Mapping[str, Any]) -> dict[str, object]:
    """The canonical payment of one outcome. Amounts get their second decimal.

    Raises:
        MappingError: rejected without a reason code.
    """
    state = STATES[told["status"]]
    if state == "rejected" and "status_reason_code" not in told:
        raise MappingError("reason: a rejected payment without status_reason_code")
    made: dict[str, object] = {"payment": told["reference_id"], "state": state, "state_told": told["status"]}
    made["changed_on"] = _colombo_day(told["timestamp"])
    if "amount" in told:
        units, _, cents = told["amount"].partition(".")
        made["amount"] = f"{int(units)}.{cents.ljust(2, '0')}"
    if "currency_code" in told:
        made["currency"] = told["currency_code"]
    if "status_reason_code" in told:
        made["reason"] = told["status_reason_code"]
    return made


def callback(body: bytes, *, checker: Checker, own_id: str, sender: str, now: datetime) -> tuple[StateTold, ...]:
    """The states in one `on-disburse`. `transaction_id` is the delivery it answers.

    Raises:
        HookRefused: not this provider's, not for us, not of now, or not a message of the contract.
    """
    try:
        envelope: Any = strict_json.loads(body)
    except strict_json.StrictError as error:
        raise HookRefused("malformed", f"the callback is {error}") from None
    fault = schemas.first_fault(schemas.validator(f"{SCHEMA}#/$defs/on_disburse"), envelope)
    if fault is not None:
        raise HookRefused("schema", f"the callback breaks its schema at {fault}")
    header, message = envelope["header"], envelope["message"]
    try:
        checker.check(canonical({"header": header, "message": message}), envelope["signature"])
    except NotSigned:
        raise HookRefused("signature", "the callback is not signed with PSP_CALLBACK_KEY") from None
    if (header.get("sender_id"), header.get("receiver_id"), header["action"]) != (sender, own_id, "on-disburse"):
        raise HookRefused("parties", "the callback is of somebody else, or for somebody else")
    if abs(now - datetime.fromisoformat(header["message_ts"]).astimezone(UTC)) > FRESH:
        raise HookRefused("time", "message_ts is not the present time")
    return tuple(_told(message["transaction_id"], each) for each in message["disbursements_status"])


def _told(item: str, each: Mapping[str, Any]) -> StateTold:
    state = STATES[each["status"]]
    return StateTold(item, str(each.get("status_reason_code", state))[:40], _RANK[state])


def _colombo_day(moment: str) -> str:
    there = datetime.fromisoformat(moment).astimezone(UTC) + timedelta(hours=5, minutes=30)
    return there.date().isoformat()
