"""What the published files let through is read or refused, and never a fault of ours."""

from typing import Any

import pytest

from gateway.edges.dci.failure import DciError
from gateway.edges.dci.names import Names
from gateway.edges.dci.operations import INTERFACES, OPERATIONS
from gateway.edges.dci.reading import Reading
from gateway.trust.policy import DciPolicy

ODD: tuple[Any, ...] = (None, "", "x", 1, True, [], ["x"], {}, {"x": None}, {"x": ["\x00"]}, [{}], [[]], [None])


def header(action: str) -> dict[str, Any]:
    return {
        "version": "1.0.0",
        "message_id": "m-1",
        "message_ts": "2026-11-01T00:00:00.000Z",
        "action": action,
        "sender_id": "s",
        "receiver_id": "r",
        "total_count": 1,
    }


def messages(items: str) -> list[Any]:
    inside = [{items: each} for each in ODD] + [{"transaction_id": "t", items: each} for each in ODD] if items else []
    return [*ODD, *inside, *({"transaction_id": "t", "txnstatus_request": each} for each in ODD)]


@pytest.mark.parametrize("interface", INTERFACES.values(), ids=list(INTERFACES))
@pytest.mark.parametrize("tolerant", [False, True])
def test_no_odd_message_is_a_fault(interface: Any, tolerant: bool) -> None:
    names = Names(DciPolicy())
    for operation in (each for each in OPERATIONS.values() if each.interface in {"", interface.name}):
        reading = Reading(operation, interface, tolerant, names)
        for message in messages(operation.items):
            sent = {"signature": "", "header": header(operation.action), "message": message}
            try:
                read, _ = reading.fitting(sent)
            except DciError as refused:
                assert refused.status == 400
            else:
                assert read["header"]["message_id"] == "m-1"


def test_an_id_with_a_nul_is_refused_wherever_the_file_lets_it_stand() -> None:
    refused = 0
    for interface in INTERFACES.values():
        reading = Reading(OPERATIONS["notify"], interface, False, Names(DciPolicy()))
        for message in ({"x": "\x00"}, {"x": ["\x00"]}):
            with pytest.raises(DciError):
                reading.fitting({"signature": "", "header": header("notify"), "message": message})
            refused += 1
    assert refused == 2 * len(INTERFACES)
