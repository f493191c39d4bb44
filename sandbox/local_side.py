"""What divisions and districts do themselves: grievances and appeals, and verification in the field."""

from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path

from starlette.applications import Starlette

from .agencies import field_verification, grievance
from .faults import Faults

AGENCIES = ("grievance", "field_verification")


class LocalSide:
    """`desk`, `telling` and `households` are what a test or a step drives: officers' acts.

    Args:
        url, folder: where an agency is mounted, and its own folder.
    """

    def __init__(self, day: date, *, url: Callable[[str], str], folder: Callable[[str], Path], gateway: str) -> None:
        self._cases = grievance.make_settings(url("grievance"), folder("grievance"), gateway=gateway, day=day)
        self._visits = field_verification.make_settings(
            url("field_verification"), folder("field_verification"), day=day
        )
        self.desk, self.telling = grievance.Desk(self._cases.store), grievance.Telling(self._cases)
        self.households = field_verification.Book(self._visits.store, day)

    def exported(self) -> dict[str, str]:
        """What the agencies give their partner, by the names of the settings file."""
        return self._cases.exported() | self._visits.exported()

    def apps(self, faults: Mapping[str, Faults]) -> dict[str, Starlette]:
        """The ASGI apps by agency."""
        return {
            "grievance": grievance.build(self.desk, self._cases, faults["grievance"]),
            "field_verification": field_verification.build(self.households, self._visits, faults["field_verification"]),
        }

    def close(self) -> None:
        """Close the stores."""
        self.desk.close()
        self.households.close()
