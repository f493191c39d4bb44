"""Field verification in the divisions: lists, visits, clearance to edit, revised data, approval.

Contract: `docs/profiles/field-verification.md`.
"""

from .app import build
from .book import Book, Household, NotNow
from .settings import FieldSettings, make_settings

__all__ = ["Book", "FieldSettings", "Household", "NotNow", "build", "make_settings"]
