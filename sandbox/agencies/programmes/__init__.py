"""The programmes' management information systems: one implementation of DCI IBR, configured for each of them.

Contract: `schemas/dci/ibr.json`. What a candidate carries in DCI's open places is in `adapters/samurdhi/README.md`.
"""

from .app import build
from .book import Book
from .recruiting import recruited
from .settings import PROGRAMMES, Programme, ProgrammeSettings, make_settings
from .work import Mis

__all__ = ["PROGRAMMES", "Book", "Mis", "Programme", "ProgrammeSettings", "build", "make_settings", "recruited"]
