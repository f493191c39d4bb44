"""An emergency is stated with its reason, in the documented shape, and nowhere else."""

from sandhi_client import Client

from tests.unit.sdk.made_up import SOMEBODY, Made, asked

REASON = "Unconscious, no relative reached; the blood group is needed now."


async def test_an_emergency_goes_with_its_reason_and_an_ordinary_question_without(client: Client, made: Made) -> None:
    await client.exchange(
        service="national_id.identity",
        purpose="employment-support.eligibility",
        subject=SOMEBODY,
        fields=["confirmed"],
        emergency=REASON,
    )
    await asked(client)
    assert [each.get("emergency") for each in made.seen] == [{"reason": REASON}, None]
