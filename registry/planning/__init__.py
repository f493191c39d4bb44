"""Pages for the planning department: the list and its review, households, enrolment feedback, the control report.

What a page can do, the commands and `/review/...` can do; pages hold no rules.
"""

from .desk import AREA, accounts, around, routes

__all__ = ["AREA", "accounts", "around", "routes"]
