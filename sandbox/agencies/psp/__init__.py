"""The payment service provider: G2P Connect disbursement, signed callbacks. No money moves.

Contract: `schemas/agency/g2p-connect/`. Whether a payee can be paid is a rule over the address (`book.py`).
"""

from .app import build
from .book import Book
from .settings import PspSettings, make_settings

__all__ = ["Book", "PspSettings", "build", "make_settings"]
