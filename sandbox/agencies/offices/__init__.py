"""The local employment offices, one per district: they take their own people's referrals, alert them, and counsel."""

from .alerts import Alerts
from .app import build
from .book import Book
from .counsel import Counsellors
from .desk import CounselDesk, admit_counsellors
from .settings import OfficeSettings, make_settings

__all__ = [
    "Alerts",
    "Book",
    "CounselDesk",
    "Counsellors",
    "OfficeSettings",
    "admit_counsellors",
    "build",
    "make_settings",
]
