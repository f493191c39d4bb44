"""Ids that callers choose stand in the log for ever: one that is a person's number is refused, and told to nobody."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.agreeing import SR, Here, line, lines, nic, opened, signed, subject

NUMBER = nic(1)


@pytest.fixture
async def here(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Here]:
    async with opened(sqlite_url, tmp_path) as made:
        assert (await made.call(SR, "POST", "/agreements", json=signed())).status_code == 201
        yield made


async def refused(here: Here, path: str, **sent: Any) -> None:
    answer = await here.call(SR, "POST", path, **sent)
    assert "form of an identifier of type NIC" in answer.text, answer.text
    assert NUMBER not in answer.text
    assert NUMBER not in str(await here.entries())


async def test_a_consent_is_not_called_by_a_person_s_number(here: Here) -> None:
    await refused(here, "/consents", json=line(1, id=NUMBER))
    await refused(here, "/consents", **lines(line(1, id=NUMBER), line(2)))
    assert "C2" in str(await here.entries()), "the other line is recorded"


async def test_an_objection_is_not_called_by_a_person_s_number(here: Here) -> None:
    await refused(here, "/objections", json={"id": NUMBER, "subject": subject(1)})
