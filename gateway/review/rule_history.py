"""How agreements and consents came to be as they are: each step, who took it, and the entry of the log that says so."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from audit import Entry, Wanted
from audit.lookup import find, search
from audit.wording import KINDS
from consent import Consent
from consent.renewal import renewed

OF_AGREEMENTS = (
    "agreement.recorded",
    "agreement.widened",
    "agreement.suspended",
    "agreement.resumed",
    "agreement.ended",
)
OF_CONSENTS = ("consent.recorded", "consent.withdrawn")
MOST = 200
"""Entries of a kind that are looked through, the newest first."""


@dataclass(frozen=True, slots=True)
class Step:
    """One entry. `by` is the member, the officer, or `person`; `facts` are what the entry says."""

    entry: Entry

    def wire(self) -> dict[str, object]:
        """As the API shows it; `words` in English."""
        facts = self.entry.facts
        told: dict[str, object] = {
            "at": self.entry.at.isoformat(),
            "kind": self.entry.kind,
            "words": KINDS[self.entry.kind],
            "by": facts.get("by"),
            "entry": str(self.entry.id),
        }
        version = facts.get("agreement_version")
        return told if version is None else told | {"version": version}


def of_agreement(connection: Connection, agreement: str) -> list[Step]:
    """Everything that was done to an agreement, the newest first. `connection` is the log's."""
    return _found(connection, OF_AGREEMENTS, Wanted(facts=(("agreement", agreement),), limit=MOST))


def of_consents(connection: Connection, person_ref: str) -> Mapping[str, Sequence[Step]]:
    """Consent id -> what became of it, the newest first; of one person."""
    told: defaultdict[str, list[Step]] = defaultdict(list)
    for step in _found(connection, OF_CONSENTS, Wanted(subject_ref=person_ref, limit=MOST)):
        for consent in _ids(step.entry):
            told[consent].append(step)
    return told


def with_history(
    shown: Sequence[dict[str, object]], consents: Sequence[Consent], history: Mapping[str, Sequence[Step]]
) -> list[dict[str, object]]:
    """Consents as they are shown, each with its steps and with what it says otherwise than the one before it.

    That is the newest earlier one to the same controller for one of the same purposes.
    """
    given = sorted(consents, key=lambda each: (_began(history.get(each.id, ()), each), each.id))
    since: dict[str, dict[str, object]] = {}
    for place, each in enumerate(given):
        earlier = [one for one in given[:place] if one.controller == each.controller and one.purposes & each.purposes]
        if earlier:
            changes = [change.wire() for change in renewed(earlier[-1], each)]
            since[each.id] = {"before": earlier[-1].id, "changes": changes}
    return [
        line | {"history": [step.wire() for step in history.get(each.id, ())], "since_before": since.get(each.id)}
        for line, each in zip(shown, consents, strict=True)
    ]


def _began(steps: Sequence[Step], consent: Consent) -> datetime:
    return steps[-1].entry.at if steps else consent.valid_from


def _found(connection: Connection, kinds: Sequence[str], wanted: Wanted) -> list[Step]:
    lines = [line for kind in kinds for line in search(connection, _of_kind(wanted, kind))]
    entries = find(connection, [each.entry_id for each in lines])
    return [Step(each.entry) for each in sorted(entries, key=lambda each: each.entry.at, reverse=True)]


def _of_kind(wanted: Wanted, kind: str) -> Wanted:
    return Wanted(wanted.facts, kind, wanted.subject_ref, limit=wanted.limit)


def _ids(entry: Entry) -> list[str]:
    found = entry.facts.get("consents")
    return [str(each) for each in found] if isinstance(found, list) else []
