"""Alembic at work."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection


def step(connection: Connection) -> None:
    """Bring the schema to the newest step, in the transaction of a connection."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
