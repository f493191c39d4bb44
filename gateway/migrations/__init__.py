"""The database's schema, step by step (Alembic). `upgraded` brings a database to the newest step."""

from importlib import import_module
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from ..db import Database

LOCK = 0x5A4D48  # one process migrates at a time
STEPS = Path(__file__).parent / "versions"


async def upgraded(db: Database) -> None:
    """Bring the schema to the newest step; several processes may start at once."""
    async with db.write() as connection:
        if not db.is_sqlite:
            await connection.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))
        await connection.run_sync(upgrade)


def upgrade(connection: Connection) -> None:
    """The same on a connection in a transaction."""
    if _step_of(connection) != newest():  # Alembic takes 8 MB and its time: only where there is work for it
        import_module(".stepping", __package__).step(connection)


def newest() -> str:
    """The last step: the files are named by their revisions, and these count up."""
    return max(path.name.partition("_")[0] for path in STEPS.glob("[0-9]*_*.py"))


def _step_of(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    step: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return step
