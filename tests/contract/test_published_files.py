"""The gateway keeps what files say that others published, and that it makes of its services: schemathesis asks every
operation, and no answer is a fault or one that the (fixed) file does not have. Bad values come at night. The native
file, DCI's and the Information Mediator's have runs of their own."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest
from schemathesis import GenerationMode

from gateway.trust.certificate import PeerCertificate
from tests import citizen_house, govstack_place
from tests.agreeing import AUDITOR
from tests.agreeing import SR as REGISTRY
from tests.certified_place import SR, TRAFFIC, Shown, a_house, agreement, driver, traffic_register
from tests.contract.test_data_tracker import ME
from tests.contract.test_data_tracker import fixed as tracker
from tests.published import ask
from tests.small_gateway import served

EXAMPLES, LONGEST_S = (200, 1800) if os.environ.get("SANDHI_NIGHTLY") else (2, 300)
pytestmark = pytest.mark.timeout(LONGEST_S)
BAD = pytest.param(GenerationMode.NEGATIVE, id="bad", marks=pytest.mark.nightly)
good_and_bad = pytest.mark.parametrize("mode", [pytest.param(GenerationMode.POSITIVE, id="good"), BAD])


def every_third(case: Any) -> bool:
    """Some cases go as they were made."""
    return len(json.dumps([case.path_parameters, case.query, str(case.body)], default=str)) % 3 == 0


def over_x_road(case: Any) -> Any:
    """As the registry, about somebody who drives."""
    if every_third(case):
        return case
    if case.headers is not None and "X-Road-Client" in case.headers:
        case.headers["X-Road-Client"] = SR
        case.headers.pop("Sandhi-Purpose", None)
    if isinstance(case.body, dict) and isinstance(subject := case.body.get("subject"), dict):
        case.body["subject"] = subject | {"identifiers": [{"type": "NIC", "value": driver().nic}]}
    return case


@good_and_bad
async def test_the_document_of_a_service_over_x_road_is_kept(tmp_path: Path, mode: GenerationMode) -> None:
    with traffic_register() as linked:
        async with a_house(tmp_path, environment=linked) as house:
            await house.agreed(agreement())
            shown = PeerCertificate.of(house.certificates[SR].der)
            app: Any = Shown(house.app, shown)
            async with served(app) as url:
                for provider, code in ((TRAFFIC, "entitlement"), (house.services.profile.gateway, "dci")):
                    path, client = f"/r1/{provider}/getOpenAPI?serviceCode={code}", {"x-road-client": SR}
                    document = (await house.call(SR, "GET", path, headers=client)).json()
                    place = url + document["servers"][0]["url"]
                    found = await asyncio.to_thread(ask, document, place, mode, EXAMPLES, over_x_road)
                    assert sorted(found.faults) == []
                    assert len({label for label, _ in found.answers}) == len(document["paths"])
                    assert mode is GenerationMode.NEGATIVE or code == "dci" or "POST /" in found.answered


@good_and_bad
async def test_the_published_file_of_the_consent_api_is_kept(
    sqlite_url: str, tmp_path: Path, mode: GenerationMode
) -> None:
    async with govstack_place.an_api(sqlite_url, tmp_path) as api:
        whose, made = await govstack_place.consented(api)
        known = {"individualId": whose, "dataAgreementId": govstack_place.TERM, "policyId": "A1"}
        known |= {"consentRecordId": made["consentRecord"]["id"]}

        def meant(case: Any) -> Any:
            """By who may ask it, about what is there."""
            api.here.app.state.calling = AUDITOR if "/audit/" in case.path else REGISTRY
            if not every_third(case):
                for given in (case.path_parameters, case.query):
                    given.update({name: word for name, word in known.items() if name in (given or {})})
            return case

        async with served(api.here.app) as url:
            document = govstack_place.fixed()
            found = await asyncio.to_thread(ask, document, f"{url}/consent", mode, 2 * EXAMPLES, meant)
    assert sorted(found.faults) == []
    assert mode is GenerationMode.NEGATIVE or len(found.answered) >= 20, found.answered


@good_and_bad
async def test_the_published_file_of_the_data_tracker_is_kept(
    sqlite_url: str, tmp_path: Path, mode: GenerationMode
) -> None:
    async with citizen_house.a_house(tmp_path, sqlite_url) as house:
        mine = await house.citizen(citizen_house.ANN)
        cookies = "; ".join(f"{each.name}={each.value}" for each in mine.cookies.jar)

        def meant(case: Any) -> Any:
            if not every_third(case):
                case.headers.update({name: word for name, word in ME.items() if name in case.headers})
                case.query |= {"userCode": ME["X-Road-UserId"]} if "userCode" in (case.query or {}) else {}
            return case

        async with served(house.app) as url:
            how = {"headers": {"cookie": cookies}}
            found = await asyncio.to_thread(ask, tracker(), url, mode, EXAMPLES, meant, **how)
    assert sorted(found.faults) == []
    assert mode is GenerationMode.NEGATIVE or len(found.answered) == 3, found.answered
