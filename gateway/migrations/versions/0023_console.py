"""Indexes for the lists of the console: by source, purpose, time and kind of event, in a log of millions too."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"

NO_EXCHANGE = sa.text("kind NOT IN ('exchange.intent', 'exchange.outcome')")


def upgrade() -> None:
    """Add them."""
    for name in ("provider", "purpose"):
        _indexed(name, [name, "seq"], sa.text(f"{name} IS NOT NULL"))
    _indexed("event", ["log_id", "seq"], NO_EXCHANGE)
    _indexed("event_kind", ["kind", "seq"], NO_EXCHANGE)
    op.create_index("audit_search_ts", "audit_search", ["ts", "seq"])


def _indexed(name: str, columns: list[str], where: sa.TextClause) -> None:
    op.create_index(f"audit_search_{name}", "audit_search", columns, sqlite_where=where, postgresql_where=where)
