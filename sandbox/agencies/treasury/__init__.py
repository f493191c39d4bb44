"""Treasury and district accounts: reports of units, due dates, alerts.

Contract: `docs/profiles/treasury-reports.md`.
"""

from .app import build
from .book import Book, due_on
from .settings import TreasurySettings, make_settings

__all__ = ["Book", "TreasurySettings", "build", "due_on", "make_settings"]
