"""The Information Mediator keeps what the published files say: schemathesis asks every operation with a registered
certificate, good and bad values, and no answer is a fault or one that the (fixed) file does not have."""

import asyncio
import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis import GenerationMode, checks

from gateway.trust.certificate import PeerCertificate
from tests.certified_place import TRAFFIC, Shown, a_house, agreement
from tests.mediator_files import FILES, fixed
from tests.small_gateway import served

EXAMPLES, LONGEST_S = (300, 3600) if os.environ.get("SANDHI_NIGHTLY") else (4, 300)
CHECKED = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
TYPE = {"eventType": "newOffice", "schema": {"type": "object"}}
WORDS = {
    "instanceId": "LK",
    "memberClass": "GOV",
    "memberCode": "DMT",
    "applicationCode": "LICENCES",
    "eventType": "newOffice",
}


@dataclass
class Found:
    """What the gateway answered."""

    faults: set[str] = field(default_factory=set)
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)

    def note(self, case: Any) -> None:
        answer = case.call(timeout=20)
        self.answers[case.operation.label, answer.status_code] += 1
        try:
            case.validate_response(answer, checks=CHECKED)
        except schemathesis.checks.FailureGroup as group:
            told = f"{case.operation.label} {answer.status_code} {answer.content[:200]!r}"
            self.faults |= {f"{told}: {str(each)[:200]}" for each in group.exceptions}


def ask(url: str, name: str, mode: GenerationMode, seed: int) -> Found:
    schema = schemathesis.openapi.from_dict(fixed(name))
    schema.config.base_url = f"{url}/im"
    found = Found()
    for result in schema.get_all_operations():
        operation = result.ok()

        @hypothesis.seed(seed)
        @hypothesis.given(operation.as_strategy(generation_mode=mode))
        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def asked(case: Any) -> None:
            found.note(meant(case))

        try:
            asked()
        except hypothesis.errors.Unsatisfiable:
            continue  # nothing of this operation can be wrong
    return found


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
            found = [await asyncio.to_thread(ask, url, name, mode, 20261031) for name in FILES]
    assert not {fault for each in found for fault in each.faults}
    answered = {label for each in found for label, status in each.answers if status < 400}
    assert mode is GenerationMode.NEGATIVE or len(answered) >= 12, answered
