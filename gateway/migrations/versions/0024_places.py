"""Indexes of searches lead to a place: which log, and where in it. By the place in it alone, a search of the newest log
passed over every line of older ones; and SQLite, which has no statistics, went through the whole log instead.
"""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"

BY = ("consumer", "provider", "service", "purpose", "agreement", "outcome", "case_ref", "officer_ref")
NO_EXCHANGE = sa.text("kind NOT IN ('exchange.intent', 'exchange.outcome')")


def upgrade() -> None:
    """Make them anew."""
    for name in BY:
        _anew(name, [name, "log_id", "seq"], sa.text(f"{name} IS NOT NULL"))
    _anew("event_kind", ["kind", "log_id", "seq"], NO_EXCHANGE)
    _anew("ts", ["log_id", "ts", "seq"], None)


def _anew(name: str, columns: list[str], where: sa.TextClause | None) -> None:
    op.drop_index(f"audit_search_{name}", "audit_search")
    op.create_index(f"audit_search_{name}", "audit_search", columns, sqlite_where=where, postgresql_where=where)
