"""The Information Mediator keeps what the published files say: schemathesis asks every operation with a registered
certificate, good and bad values, and no answer is a fault or one that the (fixed) file does not have."""

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest
from schemathesis import GenerationMode

from gateway.trust.certificate import PeerCertificate
from tests.certified_place import TRAFFIC, Shown, a_house, agreement
from tests.mediator_files import FILES, fixed
from tests.published import ask
from tests.small_gateway import served

EXAMPLES, LONGEST_S = (300, 3600) if os.environ.get("SANDHI_NIGHTLY") else (4, 300)
TYPE = {"eventType": "newOffice", "schema": {"type": "object"}}
WORDS = {
    "instanceId": "LK",
    "memberClass": "GOV",
    "memberCode": "DMT",
    "applicationCode": "LICENCES",
    "eventType": "newOffice",
}


def meant(case: Any) -> Any:
    """Now and then with words that the gateway knows, so that it looks beyond them."""
    chosen = sum(map(len, map(str, case.path_parameters.values()))) % 3 if case.path_parameters else 1
    if chosen:
        case.path_parameters |= {name: word for name, word in WORDS.items() if name in case.path_parameters}
        if case.headers is not None and "X-GovStack-Client" in case.headers:
            case.headers["X-GovStack-Client"] = TRAFFIC
    if chosen and isinstance(case.body, dict) and "eventType" in case.body and "schema" not in case.body:
        case.body["eventType"] = "newOffice"
    return case


@pytest.mark.timeout(LONGEST_S)
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["good", "bad"])
async def test_every_operation_answers_as_published(tmp_path: Path, mode: GenerationMode) -> None:
    async with a_house(tmp_path) as house:
        await house.agreed(agreement())
        client = {"x-govstack-client": TRAFFIC}
        made = await house.call(TRAFFIC, "POST", f"/im/r1/{TRAFFIC}/api/v1/eventType", json=TYPE, headers=client)
        assert made.status_code == 200
        shown = PeerCertificate.of(house.certificates[TRAFFIC].der)
        async with served(Shown(house.app, shown)) as url:
            found = [await asyncio.to_thread(ask, fixed(name), f"{url}/im", mode, EXAMPLES, meant) for name in FILES]
    assert not {fault for each in found for fault in each.faults}
    answered = {label for each in found for label in each.answered}
    assert mode is GenerationMode.NEGATIVE or len(answered) >= 12, answered
