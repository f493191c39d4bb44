"""The Employment Support System: DCI ESS, and what it does with the people it is referred.

Contract: `schemas/dci/ess.json`; what a referral carries in DCI's open places is in README.md.
"""

from .app import build
from .book import Book
from .settings import EssSettings, make_settings
from .work import Ess

__all__ = ["Book", "Ess", "EssSettings", "build", "make_settings"]
