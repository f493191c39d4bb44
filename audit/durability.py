"""The start-up check: a database that may lose what it acknowledged must not carry the log."""

from sqlalchemy import Connection

from .errors import UnsafeDurability

FULL = 2


def check(connection: Connection) -> None:
    """Look at the settings of one connection of the kind that writes.

    Raises:
        UnsafeDurability: SQLite without WAL or with `synchronous` below FULL; PostgreSQL with `fsync`,
            `full_page_writes` or `synchronous_commit` off. The text names the setting.
    """
    if connection.dialect.name == "sqlite":
        return _check_sqlite(connection)
    return _check_postgresql(connection)


def _check_sqlite(connection: Connection) -> None:
    mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar_one()
    if mode != "wal":
        raise UnsafeDurability(f"SQLite runs with journal_mode={mode}; set PRAGMA journal_mode=WAL on every connection")
    level = connection.exec_driver_sql("PRAGMA synchronous").scalar_one()
    if level < FULL:
        raise UnsafeDurability(
            f"SQLite runs with synchronous={level} and may lose acknowledged entries when the power fails; "
            "set PRAGMA synchronous=FULL on every connection"
        )


def _check_postgresql(connection: Connection) -> None:
    for setting in ("fsync", "full_page_writes", "synchronous_commit"):
        value = connection.exec_driver_sql(f"SHOW {setting}").scalar_one()
        if value == "off":
            raise UnsafeDurability(
                f"PostgreSQL runs with {setting}=off and may lose acknowledged entries; set {setting}=on "
                "for the server, the database and the role"
            )
