"""Which way each system proves itself, and when it last did: what the posture page shows beside its policy.

Noted in memory at each call and written every half minute: a call must not cost a write.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ..db import Database
from .held_keys import utc
from .token_tables import method_use


@dataclass(frozen=True, slots=True)
class Use:
    """One method of one system.

    Attributes:
        method: at the token endpoint `private_key_jwt` or `client_secret_post`; at a call `dpop`, `mtls` or `bearer`.
        expires_at: of the certificate that was presented, with `mtls`.
    """

    system: str
    method: str
    last_used_at: datetime
    expires_at: datetime | None = None


class Uses:
    """What was used since the last `flush`."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._noted: dict[tuple[str, str], Use] = {}

    def note(self, use: Use) -> None:
        """Remember it; only the last one of a system and method is kept."""
        self._noted[use.system, use.method] = use

    async def flush(self) -> None:
        """Write what was noted. What cannot be written stays noted."""
        taken, self._noted = self._noted, {}
        if not taken:
            return
        try:
            async with self._db.write() as connection:
                for _, use in sorted(taken.items()):  # one order in all processes: no deadlock
                    await _write(connection, use)
        except BaseException:
            self._noted = taken | self._noted
            raise


async def uses(connection: AsyncConnection) -> tuple[Use, ...]:
    """All of them as written, by system and method."""
    rows = await connection.execute(select(method_use).order_by(method_use.c.system_id, method_use.c.method))
    return tuple(
        Use(row.system_id, row.method, utc(row.last_used_at), utc(row.expires_at) if row.expires_at else None)
        for row in rows
    )


async def _write(connection: AsyncConnection, use: Use) -> None:
    held = method_use.c
    values = {"last_used_at": use.last_used_at, "expires_at": use.expires_at}
    same = (held.system_id == use.system) & (held.method == use.method)
    changed = await connection.execute(
        update(method_use).where(same, held.last_used_at <= use.last_used_at).values(values)
    )
    if changed.rowcount or await connection.scalar(select(held.method).where(same)):
        return
    await connection.execute(insert(method_use).values(system_id=use.system, method=use.method, **values))
