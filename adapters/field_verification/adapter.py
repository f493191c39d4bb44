"""Field verification: declared REST; here is only what a declaration cannot say, that two approvals are two."""

from datetime import date
from typing import Any

from adapters.kit.base import Kit
from adapters.kit.contract import RawAnswer, Service
from adapters.kit.mapping import MappingError
from adapters.kit.transports.rest import DeclaredRest


class FieldVerification(DeclaredRest):
    """Lists and revisions are handed over, and a household is asked about, as the manifest declares."""

    def mapped(self, service: Service, raw: RawAnswer) -> dict[str, object]:
        """The mapping, and the order of what it tells: clearance, then the edit, then an approval of its own.

        Raises:
            MappingError: both approvals are one act, the approver is who edited, or the days run backwards.
        """
        record: dict[str, Any] = super().mapped(service, raw)
        clearance, approval = record.get("clearance"), record.get("approval")
        if clearance is not None and approval is not None:
            if clearance["reference"] == approval["reference"]:
                raise MappingError("approval: the same act as the clearance at /approval/reference")
            if approval["by"] == record.get("edited_by"):
                raise MappingError("approval: by the officer who edited at /approval/by")
        days = [clearance and clearance["on"], record.get("edited_on"), approval and approval["on"]]
        told = [date.fromisoformat(day) for day in days if day]
        if told != sorted(told):
            raise MappingError("edited_on: the order of clearance, edit and approval is another at /editedOn")
        return record


def build(kit: Kit) -> FieldVerification:
    """The adapter of this folder."""
    return FieldVerification(kit)
