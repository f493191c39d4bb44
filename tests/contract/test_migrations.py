"""The migrations build exactly the tables that the code uses, on both databases, with the guards of the log."""

from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, text
from sqlalchemy.exc import DBAPIError

import audit.tables
import consent.tables
import gateway.citizen.tables
import gateway.delivery.tables
import gateway.edges.dci.tables
import gateway.edges.govstack.tables
import gateway.edges.mediator.tables
import gateway.events.tables
import gateway.normalising.tables
import gateway.oversight.tables
import gateway.people.tables
import gateway.registration.tables
import gateway.review.tables
import gateway.trust.tables
from gateway.db import Database
from gateway.migrations import STEPS, newest, upgraded

TABLES = (
    audit.tables,
    consent.tables,
    gateway.trust.tables,
    gateway.delivery.tables,
    gateway.edges.dci.tables,
    gateway.edges.govstack.tables,
    gateway.edges.mediator.tables,
    gateway.events.tables,
    gateway.normalising.tables,
    gateway.oversight.tables,
    gateway.people.tables,
    gateway.registration.tables,
    gateway.review.tables,
    gateway.citizen.tables,
)


def differences(connection: Connection) -> list[Any]:
    dialect = connection.dialect.name
    wanted = MetaData()
    for module in TABLES:
        for table in module.metadata.sorted_tables:
            copied = table.to_metadata(wanted)
            elsewhere = {each.name for each in table.indexes if each.info.get("only", dialect) != dialect}
            copied.indexes -= {each for each in copied.indexes if each.name in elsewhere}
    context = MigrationContext.configure(connection, opts={"compare_type": True, "target_metadata": wanted})
    found = compare_metadata(context, wanted)
    return [each for each in found if "alembic_version" not in str(each)]


async def test_the_newest_step_is_the_schema_of_the_code(database_url: str) -> None:
    db = Database(database_url)
    await upgraded(db)
    async with db.read() as connection:
        assert await connection.run_sync(differences) == []
    await db.close()


def test_the_newest_step_is_known_without_alembic() -> None:
    config = Config()
    config.set_main_option("script_location", str(STEPS.parent))
    assert newest() == ScriptDirectory.from_config(config).get_current_head()


async def test_migrating_again_changes_nothing_and_the_guards_stand(database_url: str) -> None:
    db = Database(database_url)
    await upgraded(db)
    await upgraded(db)
    async with db.write() as connection:
        await connection.execute(
            text("INSERT INTO log_head (log_id, origin, size, compact_range) VALUES (1, 'x', 1, '')")
        )
    with pytest.raises(DBAPIError):
        async with db.write() as connection:
            await connection.execute(text("DELETE FROM log_head"))
    await db.close()
