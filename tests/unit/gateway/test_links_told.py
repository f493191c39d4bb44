"""What the operator's log says at the start of the agencies to which there is no link."""

import logging
from pathlib import Path

import pytest

from gateway.settings import Settings
from tests.migrated import services_on_tables


async def test_agencies_that_nothing_is_set_for_are_one_line_and_one_that_is_begun_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "sandhi")
    begun = {"SANDHI_DATA_DIR": str(tmp_path), "SANDHI_TAX_CLIENT_SECRET_FILE": str(tmp_path / "not-there")}
    async with services_on_tables(Settings.read(begun)) as services:
        without = {each.service.id.partition(".")[0] for each in services.catalogue if each.adapter is None}
    told = [each for each in caplog.records if each.getMessage().startswith("no link to ")]
    each_one = [each for each in told if each.levelno == logging.DEBUG]
    one, count = (each.getMessage() for each in told if each.levelno == logging.INFO)
    assert one.startswith("no link to tax: tax: set TAX_")
    assert count.startswith(f"no link to {len(each_one)} agencies that nothing is set for; SANDHI_LOG_LEVEL=DEBUG")
    assert len(each_one) >= len(without) - 1 > 10
