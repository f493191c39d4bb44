"""Whoever can write into the database can still not make one person's payload go out as another's."""

from pathlib import Path

import pytest
from sqlalchemy import select, update

from gateway.delivery.jobs import claim
from gateway.delivery.tables import delivery
from gateway.trust.errors import SealBroken
from tests.durable_house import a_house, handover


async def test_a_sealed_handover_moved_to_another_row_is_neither_opened_nor_sent(
    database_url: str, tmp_path: Path
) -> None:
    async with a_house(database_url, tmp_path) as house:
        for key in ("k1", "k2"):
            await house.deliveries.accept(handover(key))
        async with house.db.write() as connection:
            rows = (await connection.execute(select(delivery.c.id, delivery.c.sealed))).all()
            (one, sealed_one), (other, sealed_other) = rows
            assert b'"secret"' not in sealed_one + sealed_other
            for row, sealed in ((one, sealed_other), (other, sealed_one)):
                await connection.execute(update(delivery).where(delivery.c.id == row).values(sealed=sealed))
        async with house.db.write() as connection:
            claimed = await claim(connection, now=house.clock[0].timestamp(), most=10)
        assert len(claimed) == 2
        for each in claimed:
            with pytest.raises(SealBroken, match="another row"):
                await house.deliveries.run(each)
        assert house.fund.taken == []
