"""Watches a database: no transaction may change what the rules rest on without an entry of the log in it."""

import re
from collections import Counter
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

CHANGE = re.compile(r"\s*(?:INSERT INTO|UPDATE|DELETE FROM)\s+\"?(\w+)", re.IGNORECASE)


class RuleWatch:
    """Attributes:
    alone: table -> transactions that changed it without an entry.
    told: table -> transactions that changed it with one.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self.alone: Counter[str] = Counter()
        self.told: Counter[str] = Counter()
        self._open: dict[int, set[str]] = {}
        event.listen(engine.sync_engine, "before_cursor_execute", self._executed)
        event.listen(engine.sync_engine, "commit", self._committed)
        event.listen(engine.sync_engine, "rollback", self._forgotten)

    def _executed(self, connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        for table in CHANGE.findall(statement)[:1]:
            self._open.setdefault(id(connection), set()).add(table)

    def _committed(self, connection: Any) -> None:
        changed = self._open.pop(id(connection), set())
        (self.told if "log_entry" in changed else self.alone).update(changed)

    def _forgotten(self, connection: Any) -> None:
        self._open.pop(id(connection), None)
