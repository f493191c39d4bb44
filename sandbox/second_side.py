"""Agencies that speak the contract of a second wire, over the same registers as the first."""

from collections.abc import Callable, Mapping
from pathlib import Path

from starlette.applications import Starlette

from .agencies import civil_fhir, openemis, tax_board
from .agencies.civil_fhir import Records as CivilRecords
from .faults import Faults
from .world import Registers

AGENCIES = ("tax_board", "openemis", "civil_fhir")


class SecondSide:
    """All of them, ready to be mounted."""

    def __init__(
        self, registers: Registers, civil: CivilRecords, *, url: Callable[[str], str], folder: Callable[[str], Path]
    ) -> None:
        """Make or read their settings.

        Args:
            civil: births and deaths, with those deaths that are announced while the sandbox runs.
            url: where an agency is mounted.
            folder: an agency's own folder.
        """
        self._registers, self._civil = registers, civil
        self._board = tax_board.make_settings(url("tax_board"))
        self._schools = openemis.make_settings(url("openemis"), folder("openemis"), day=registers.date)
        self._births = civil_fhir.make_settings(url("civil_fhir"), folder("civil_fhir"))

    def exported(self) -> dict[str, str]:
        """What the client is given, by the names of the sandbox settings file."""
        return self._board.exported() | self._schools.exported() | self._births.exported()

    def apps(self, faults: Mapping[str, Faults]) -> dict[str, Starlette]:
        """The agencies as ASGI apps, by name."""
        return {
            "tax_board": tax_board.build(self._registers, self._board, faults["tax_board"]),
            "openemis": openemis.build(self._registers, self._schools, faults["openemis"]),
            "civil_fhir": civil_fhir.build(self._civil, self._births, faults["civil_fhir"]),
        }
