"""What the published files let through is read or refused, and never a fault of ours."""

from contextlib import suppress
from typing import Any

import pytest

from gateway.edges.dci.failure import DciError
from gateway.edges.dci.names import Names
from gateway.edges.dci.operations import INTERFACES, OPERATIONS
from gateway.edges.dci.reading import Reading
from gateway.trust.policy import DciPolicy

ODD: tuple[Any, ...] = (None, "", "x", 1, True, [], ["x"], {}, {"x": None}, {"x": ["x"]}, [{}], [[]], [None])
SEALED = {
    "header": {"alg": "a", "enc": "e", "kid": "k"},
    "ciphertext": "x",
    "encrypted_key": "x",
    "tag": "x",
    "iv": "x",
}
"""An encrypted message; the files let anything else stand beside these members."""


def sent(action: str, message: Any) -> dict[str, Any]:
    header = {
        "version": "1.0.0",
        "message_id": "m-1",
        "message_ts": "2026-11-01T00:00:00.000Z",
        "action": action,
        "sender_id": "s",
        "receiver_id": "r",
        "status": "succ",
        "total_count": 1,
        "is_msg_encrypted": True,
    }
    return {"signature": "", "header": header, "message": message}


@pytest.mark.parametrize("interface", INTERFACES.values(), ids=list(INTERFACES))
@pytest.mark.parametrize("tolerant", [False, True])
def test_no_odd_message_is_a_fault(interface: Any, tolerant: bool) -> None:
    through = 0
    for operation in (each for each in OPERATIONS.values() if each.interface in {"", interface.name}):
        reading = Reading(operation, interface, tolerant, Names(DciPolicy()))
        members = {operation.items, "txnstatus_request"} - {""}
        for message in [*ODD, *(SEALED | {name: each} for name in members for each in ODD)]:
            with suppress(DciError):
                reading.fitting(sent(operation.action, message))
                through += 1
    assert through >= 100


@pytest.mark.parametrize("interface", INTERFACES.values(), ids=list(INTERFACES))
@pytest.mark.parametrize("id_", ["\x00", ["x", "\x00"]], ids=["text", "list"])
def test_an_id_with_a_nul_is_refused(interface: Any, id_: object) -> None:
    reading = Reading(OPERATIONS["search"], interface, False, Names(DciPolicy()))
    with pytest.raises(DciError) as refused:
        reading.fitting(sent("search", SEALED | {"search_request": [{"reference_id": id_}]}))
    assert refused.value.status == 400
    assert "U+0000" in refused.value.text
