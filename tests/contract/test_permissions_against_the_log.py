"""What the tables allow and the log does not say is found: agreements widened, ended ones revived, consents made up."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.review.permissions import beyond_the_log
from tests.agreeing import SR, Here, document, line, lines, opened, ref, signed


@pytest.fixture
async def here(database_url: str, tmp_path: Path) -> AsyncIterator[Here]:
    async with opened(database_url, tmp_path) as made:
        assert (await made.call(SR, "POST", "/agreements", json=signed())).status_code == 201
        await recorded(made, line(1), line(2))
        yield made


async def recorded(here: Here, *given: Any) -> None:
    assert (await here.call(SR, "POST", "/consents", **lines(*given))).status_code == 200


async def changed(here: Here, statement: str) -> None:
    async with here.db.write() as connection:
        done = await connection.exec_driver_sql(statement)
        assert done.rowcount == 1, "the edit must edit something"


async def found(here: Here) -> list[str]:
    async with here.db.read() as connection:
        return [str(each) for each in await connection.run_sync(beyond_the_log)]


async def test_what_everybody_said_is_no_finding(here: Here) -> None:
    assert (await here.call(SR, "POST", "/consents/C2/withdraw")).status_code == 200
    assert await found(here) == []


async def test_an_agreement_widened_behind_the_members_backs_is_found(here: Here) -> None:
    await changed(
        here, """UPDATE consent_agreement SET document = replace(document, '"months"', '"months","salary"')"""
    )
    assert await found(here) == [
        "agreement A1 v1 does not read as it was signed: its document was changed after it was recorded"
    ]


async def test_an_agreement_that_nobody_recorded_is_found(here: Here) -> None:
    columns = "state, state_by, document, signatures, recorded_at, changed_at"
    await changed(
        here,
        f"INSERT INTO consent_agreement (id, version, provider, consumer, {columns}) "
        f"SELECT 'A2', version, provider, consumer, {columns} FROM consent_agreement",
    )
    assert await found(here) == ["agreement A2 v1 is kept, but no entry of the log says that it was recorded"]


@pytest.mark.parametrize(("verb", "said"), [("end", "ended"), ("suspend", "suspended")])
async def test_an_ended_agreement_brought_back_is_found(here: Here, verb: str, said: str) -> None:
    assert (await here.call(SR, "POST", f"/agreements/A1/{verb}")).status_code == 200
    assert await found(here) == []
    await changed(here, "UPDATE consent_agreement SET state = 'in_force'")
    assert await found(here) == [f"agreement A1 v1 is in force, but the log says that it was {said}"]


async def test_an_amendment_put_in_force_without_its_two_officers_is_found(here: Here) -> None:
    wider = [{"service": "pension.contributions", "actions": ["read"], "fields": ["employers", "months"]}]
    amended = signed(document(version=2, services=wider))
    assert (await here.call(SR, "POST", "/agreements", json=amended)).status_code in {200, 201, 202}
    assert await found(here) == []
    await changed(here, "UPDATE consent_agreement SET state = 'in_force' WHERE version = 2")
    assert await found(here) == ["agreement A1 v2 is in force, but no two officers let it take over"]


async def test_terms_of_consents_edited_for_everybody_are_found(here: Here) -> None:
    await changed(here, "UPDATE consent_terms SET body = replace(body, 'eligibility', 'outreach')")
    [finding] = await found(here)
    assert finding.endswith("of consents do not have the digest that names them: edited")


async def test_a_consent_that_nobody_gave_is_found(here: Here) -> None:
    await changed(here, "UPDATE consent_consent SET id = 'C9' WHERE id = 'C1'")
    assert await found(here) == ["1 consents are kept that no entry of the log says anybody gave"]


async def test_a_withdrawal_taken_back_is_found(here: Here) -> None:
    assert (await here.call(SR, "POST", "/consents/C1/withdraw")).status_code == 200
    await changed(here, "UPDATE consent_consent SET withdrawn_at = NULL WHERE id = 'C1'")
    assert await here.allows(ref(here, 1)), "the table alone decides"
    assert await found(here) == ["consent C1 was withdrawn by an entry of the log, but still counts"]
