"""Post offices: payment lists, details of a month, letters to print. Contract: `docs/profiles/post-office-files.md`."""

from .book import Book, Card
from .counter import Counter, PostSettings, make_settings, serve

__all__ = ["Book", "Card", "Counter", "PostSettings", "make_settings", "serve"]
