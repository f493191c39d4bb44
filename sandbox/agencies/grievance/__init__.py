"""The desk for grievances and appeals: opened, sent to an office, decided, told.

Contract: `docs/profiles/grievance.md`.
"""

from .app import build
from .desk import Case, Desk, NotOpen, office_for
from .settings import DeskSettings, make_settings
from .telling import Telling

__all__ = ["Case", "Desk", "DeskSettings", "NotOpen", "Telling", "build", "make_settings", "office_for"]
