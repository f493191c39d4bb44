"""The bank of the programmes: ISO 20022 files over SFTP. Contract: `docs/profiles/bank-files.md`. No money moves."""

from .book import Account, Book
from .counter import BankSettings, Counter, make_settings, serve

__all__ = ["Account", "BankSettings", "Book", "Counter", "make_settings", "serve"]
