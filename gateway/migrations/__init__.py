"""The database's schema, step by step (Alembic). `upgraded` brings a database to the newest step."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text

from ..db import Database

LOCK = 0x5A4D48  # one process migrates at a time


async def upgraded(db: Database) -> None:
    """Bring the schema to the newest step; several processes may start at once."""
    async with db.write() as connection:
        if not db.is_sqlite:
            await connection.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))
        await connection.run_sync(upgrade)


def upgrade(connection: Connection) -> None:
    """The same on a connection in a transaction."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
