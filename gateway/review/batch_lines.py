"""The lines of a batch, one by one: how each ended and by which rules. Nothing in them says whom a line is about."""

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import Connection, Row, select

from ..delivery.tables import batch_decision
from ..reasons import BY_CONSENT, logged
from .ruled import rulings
from .search import Exchange

SHOWN = ("agreement", "agreement_version", "basis", "released")


def batch_lines(connection: Connection, exchange: Exchange, *, after: int, most: int) -> list[dict[str, object]]:
    """The next lines of an exchange, by number, after one (-1: from the first); none where it is no batch."""
    table = batch_decision.c
    query = select(table.line, table.outcome, table.person_ref, table.decision)
    query = query.where(table.exchange_id == exchange.id, table.line > after).order_by(table.line).limit(most)
    return [_line(exchange, row) for row in connection.execute(query)]


def _line(exchange: Exchange, row: Row[Any, Any, Any, Any]) -> dict[str, object]:
    said = orjson.loads(row.decision)
    entry = exchange.entries[-1].id if exchange.outcome is None else exchange.outcome.id
    reasons = said.get("reasons", [])
    hidden = logged(reasons, person_ref=row.person_ref, entry_id=entry, deciding=_deciding(reasons))
    told = rulings({"reasons": hidden, "withheld": said.get("withheld", [])})
    shown = {name: said.get(name) for name in SHOWN}
    return {"line": row.line, "outcome": row.outcome, **shown, "rules": [each.wire() for each in told]}


def _deciding(reasons: Sequence[str]) -> str:
    """The consent that carried it; empty where none did."""
    found = (BY_CONSENT.fullmatch(each) for each in reasons if each.startswith("allow "))
    return next((each[2] for each in found if each and not each[3]), "")
