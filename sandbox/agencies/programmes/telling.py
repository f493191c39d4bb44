"""The events a programme tells: each a letter in the outgoing post, written in the transaction of what it tells."""

from collections.abc import Mapping
from datetime import date

from sandbox import dci
from sandbox.post import NOTIFY, Letter, Post

from . import wire
from .book import Person, Vacancy
from .settings import ProgrammeSettings

REG_TYPE = "ns:org:RegistryType:IBR"
ENROLMENT, STATUS_CHANGE = "enrollement", "enrollement_status_change"  # spelt so in the published API


class Telling:
    """Writes events for the partner; used within the caller's transaction."""

    def __init__(self, post: Post, settings: ProgrammeSettings, day: date) -> None:
        self._post, self._settings, self._day = post, settings, day

    def happened(self, person: Person, event: str, told: Mapping[str, str], *, key: str) -> None:
        """Something happened to a beneficiary; `key` is the same for the same event."""
        attributes = {"event": event, "date": self._day.isoformat(), **told}
        record = wire.event(self._settings.programme, person, attributes)
        self._put(key, ENROLMENT if event == "enrolled" else STATUS_CHANGE, "Beneficiary", record)

    def vacant(self, person: Person, vacancy: Vacancy) -> None:
        """A place that the waiting list cannot fill. Who left it goes along by the registry's number, for the log."""
        told = {
            "vacancy": vacancy.id,
            "ds_division": vacancy.ds_division,
            "reason": vacancy.reason,
            "opened_on": vacancy.opened_on,
        }
        record = wire.about(self._settings.programme, "", person.member_id)
        self._put(f"vacancy:{vacancy.id}", STATUS_CHANGE, "Vacancy", record | _written(told))

    def published(self, person: Person, notice: str, number: int) -> None:
        """One line of a notice: a name, a place and a number to find oneself by. The national number stays here."""
        place = str(person.record["gn_division"])
        line = {
            "notice": notice,
            "gn_division": place,
            "name": str(person.record["names"][0]["value"]),
            "reference": f"{place[-4:]}-{number:04d}",
        }
        record = wire.about(self._settings.programme, "", person.member_id)
        self._put(f"notice:{notice}:{number}", STATUS_CHANGE, "BeneficiaryNotice", record | _written(line))

    def _put(self, key: str, event_type: str, record_type: str, record: Mapping[str, object]) -> None:
        key, own = f"{self._settings.programme.id}:{key}", self._settings.registered
        data = {"version": "1.0.0", "reg_type": REG_TYPE, "reg_event_type": event_type, "reg_record_type": record_type}
        event = {"reference_id": key, "timestamp": dci.stamp(), "data": data | {"reg_records": record}, "locale": "eng"}
        body = {"receiver": own.sender_id, "message": {"transaction_id": key, "notify_event": [event]}}
        self._post.put(Letter(key, own.client, event_type, NOTIFY, body))


def _written(told: Mapping[str, str]) -> dict[str, object]:
    return {"additional_attributes": [f"{name}={value}" for name, value in told.items()]}
