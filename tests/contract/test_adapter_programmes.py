"""The programmes' adapters: their promises, and each against its sandbox system, in both directions."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from adapters.kit import beneficiary
from adapters.kit.conformance import suite
from adapters.kit.contract import (
    AgencyAnswerMalformed,
    AgencyHasNoSuchPerson,
    AgencyRejectedMessage,
    AgencyUnavailable,
    Identifier,
    Item,
    Question,
    Subject,
)
from tests.played_gateway import Message
from tests.programme_place import (
    DAY,
    NIC,
    NOTIFY,
    OLD_NIC,
    OPERATIONS,
    Place,
    a_programme,
    candidate,
)

ROOT = Path(__file__).parents[2]
TestSamurdhi = suite(ROOT / "adapters/samurdhi")
TestElders = suite(ROOT / "adapters/elders", faults=False)  # all of their code is the kit's, tried with Samurdhi's
TestDisability = suite(ROOT / "adapters/disability", faults=False)
TestKidney = suite(ROOT / "adapters/kidney", faults=False)
TestPublicWorks = suite(ROOT / "adapters/public_works", faults=False)
TestEldersWhole, TestDisabilityWhole, TestKidneyWhole, TestPublicWorksWhole = (
    pytest.mark.nightly(suite(ROOT / "adapters" / name)) for name in ("elders", "disability", "kidney", "public_works")
)

CERTIFIED = {"certificate": "MC-2026-00000001"}


@pytest.fixture
async def samurdhi(tmp_path: Path) -> AsyncIterator[Place]:
    async with a_programme(tmp_path, "samurdhi", places=1) as found:
        yield found


@pytest.mark.parametrize("programme", ["samurdhi", "elders", "disability", "kidney"])
async def test_a_candidate_is_taken_on_told_and_found_by_either_form_of_the_number(
    tmp_path: Path, programme: str
) -> None:
    async with a_programme(tmp_path, programme) as place:
        place.gateway.record = lambda _: {"genuine": True, "category": programme, "valid_until": None}
        more = CERTIFIED if programme in {"disability", "kidney"} else {}
        await place.push("candidate", candidate(programme, **more))
        (event,) = await place.told(1)
        assert event == {
            "told": "beneficiary",
            "subject": Subject((Identifier("NIC", NIC),)),
            "member_id": "SR000000101",
            "programme": programme,
            "event": "enrolled",
            "date": "2026-10-31",
        }
        jsonschema.Draft4Validator(OPERATIONS[NOTIFY]["request"]).validate(place.envelopes()[0])
        for nic in (NIC, OLD_NIC):
            raw = await place.adapter.ask(place.question(nic))
            record = place.adapter.normalise(f"{programme}.enrolment", raw)
            assert record | {"unit": ""} == {
                "enrolled": True,
                "status": "Active",
                "status_told": "1",
                "programme": programme,
                "enrolled_on": "2026-10-31",
                "unit": "",
            }


async def test_somebody_unknown_is_not_somebody_who_is_not_enrolled(samurdhi: Place) -> None:
    with pytest.raises(AgencyHasNoSuchPerson):
        await samurdhi.adapter.ask(samurdhi.question("200012304567"))
    await samurdhi.push("candidate", candidate("samurdhi"))
    await samurdhi.told(1)
    samurdhi.mis.graduate("SR000000101")
    raw = await samurdhi.adapter.ask(samurdhi.question())
    record = samurdhi.adapter.normalise("samurdhi.enrolment", raw)
    assert (record["enrolled"], record["status"], record["changed_on"]) == (False, "Graduated", "2026-10-31")


async def test_without_a_number_nothing_is_asked(samurdhi: Place) -> None:
    asked = Question("samurdhi.enrolment", Subject(), frozenset({"enrolled"}), DAY)
    with pytest.raises(AgencyRejectedMessage) as raised:
        await samurdhi.adapter.ask(asked)
    assert raised.value.code == "identifier"


async def test_a_repeated_push_is_one_candidate_and_one_event(samurdhi: Place) -> None:
    for _ in range(2):
        await samurdhi.push("candidate", candidate("samurdhi"), item="item-1")
    assert len(await samurdhi.told(1)) == 1
    assert len(samurdhi.mis.book.people("active")) == 1


async def test_a_refusal_is_told_by_its_code_and_shows_nobody(samurdhi: Place) -> None:
    with pytest.raises(AgencyRejectedMessage) as raised:
        await samurdhi.push("candidate", candidate("elders"))
    assert (raised.value.code, NIC in str(raised.value)) == ("err.request.bad", False)
    samurdhi.faults.set("down")
    with pytest.raises(AgencyUnavailable):
        await samurdhi.adapter.ask(samurdhi.question())


async def test_the_gateway_subscribes_to_both_kinds_of_events(tmp_path: Path) -> None:
    async with a_programme(tmp_path, "samurdhi", subscribed=False) as place:
        await place.push("candidate", candidate("samurdhi"))
        await place.adapter.subscribe(place.mis.settings.registered.partner_callback.partition("/dci/")[0])
        assert [each["event"] for each in await place.told(1)] == ["enrolled"]
        assert place.mis.book.subscribed() == {"enrollement", "enrollement_status_change"}


async def test_a_read_service_takes_nothing_and_a_push_service_is_not_asked(samurdhi: Place) -> None:
    with pytest.raises(AgencyRejectedMessage):
        await samurdhi.adapter.deliver(Item("i", "samurdhi.enrolment", candidate("samurdhi")))
    asked = Question("samurdhi.candidate", Subject((Identifier("NIC", NIC),)), frozenset(), DAY)
    with pytest.raises(AgencyRejectedMessage):
        await samurdhi.adapter.ask(asked)


def notice(**changes: Any) -> Message:
    """A notify envelope with one event as a programme tells it."""
    record: Message = {
        "member": {"member_identifier": [{"identifier_type": "SR", "identifier_value": "SR000000101"}]},
        "programme_identifier": [{"programme_identifier": "samurdhi"}],
        "enrollment_status": "3",
        "additional_attributes": ["event=graduated", "date=2026-10-31"],
    } | changes
    record_type = record.pop("reg_record_type", "Beneficiary")
    kept = {name: value for name, value in record.items() if value is not None}
    data = {"reg_record_type": record_type, "reg_records": kept}
    return {"message": {"notify_event": [{"reference_id": "r-1", "data": data}]}}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"enrollment_status": "1"}, "graduated"),
        ({"enrollment_status": None}, "graduated"),
        ({"additional_attributes": ["event=exited", "date=2026-10-31"]}, "exited"),
        ({"additional_attributes": ["event=promoted", "date=2026-10-31"]}, "event"),
        ({"additional_attributes": []}, "event"),
        ({"additional_attributes": ["event=graduated", "date=soon"]}, "record"),
        ({"programme_identifier": []}, "programme"),
        ({"programme_identifier": ["samurdhi", "elders"]}, "programme"),
        ({"programme_identifier": ["elders"]}, "programme"),
        ({"member": {}}, "record"),
        ({"reg_record_type": "Household"}, "reg_record_type"),
    ],
)
async def test_an_event_that_contradicts_itself_is_not_used(samurdhi: Place, changes: Message, code: str) -> None:
    assert samurdhi.adapter.told(notice())[0].record["event"] == "graduated"
    with pytest.raises(AgencyAnswerMalformed) as raised:
        samurdhi.adapter.told(notice(**changes))
    assert raised.value.code == code


def test_graduation_and_exit_never_share_a_status() -> None:
    graduated, exited = beneficiary.CODES["graduated"], beneficiary.CODES["exited"]
    assert not set(graduated) & set(exited)
