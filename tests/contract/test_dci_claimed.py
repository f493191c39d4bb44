"""What a DCI sender says of consent is in the log as its claim, held against our register, and grants nothing."""

import json
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from consent import Consent
from gateway.model import Identifier, Subject
from gateway.recording import Recording
from gateway.trust import signatures
from tests.signing_place import NIC, SEARCH, SigningPlace, header, search, signing_place

pytestmark = pytest.mark.asyncio(loop_scope="module")
WBB, PURPOSE = "LK/GOV/WBB", "employment-support.outreach"
OTHER = "199012304599"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SigningPlace]:
    async with signing_place(tmp_path_factory.mktemp("claimed")) as opened:
        for id_, number in (("C1", NIC), ("C2", NIC), ("C3", OTHER)):
            await Recording(opened.services.db, opened.services.log).consents([consent(opened, id_, number)], by=WBB)
        await Recording(opened.services.db, opened.services.log).withdrawal("C2", controller=WBB)
        yield opened


def consent(place: SigningPlace, id_: str, number: str) -> Consent:
    """For another service than the one that is asked for: it carries nothing here."""
    return Consent(
        id=id_,
        subject_ref=place.services.person_ref(Subject((Identifier("NIC", number),))),
        controller=WBB,
        recipients=frozenset({WBB}),
        purposes=frozenset({PURPOSE}),
        services={"messaging.alert": None},
        valid_from=datetime.now(UTC) - timedelta(days=1),
        valid_until=datetime.now(UTC) + timedelta(days=1),
        given_how="self",
        evidence="sha-256:" + "0" * 64,
    )


async def asked(place: SigningPlace, **criteria: Any) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The answer to a search with these members, and the facts of its intent."""
    message: Any = search()
    (item,) = message["search_request"]
    item["search_criteria"].pop("authorize")
    item["search_criteria"] |= criteria
    head = header()
    envelope = {"signature": signatures.signed(head, message, place.key), "header": head, "message": message}
    async with place.client() as client:
        reply = await client.session.call(
            "POST", SEARCH, content=json.dumps(envelope).encode(), headers={"content-type": "application/json"}
        )
    (answer,) = json.loads(reply.body)["message"]["search_response"]
    (intent,) = await place.intents(1)
    return answer, intent


def stated(reference: str = "") -> dict[str, Any]:
    purpose = {"code": "employment-support.eligibility", "text": "the person agreed"}
    return {"@type": "Consent", "purpose": purpose | ({"ref_uri": reference} if reference else {})}


@pytest.mark.parametrize(
    ("reference", "register"),
    [
        ("urn:sandhi:consent:C1", "in force"),
        ("https://consents.example/C2", "withdrawn"),
        ("C3", "unknown"),  # another person's
        ("C9", "unknown"),
        ("x" * 200, "unknown"),
    ],
)
async def test_a_consent_that_the_sender_names_is_looked_up_and_grants_nothing(
    place: SigningPlace, reference: str, register: str
) -> None:
    answer, intent = await asked(place, consent=stated(reference))
    assert answer["status"] == "rjct"
    hashed = place.services.person_ref.case_ref(reference)
    assert intent["claimed"] == {"by": "consent", "reference": hashed, "register": register}
    assert repr(reference) not in str(intent)  # the whole of it: two signs may stand in any nonce


async def test_a_legal_basis_that_the_sender_names_is_its_claim_only(place: SigningPlace) -> None:
    answer, intent = await asked(place, authorize=stated("Act 9 of 2022"))
    assert answer["status"] == "rjct"
    assert intent["claimed"].keys() == {"by", "reference"}
    assert (await asked(place, authorize=stated()))[1]["claimed"] == {"by": "authorize"}
