"""A handover as it is sealed, and again."""

import dataclasses
import json
from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy import Row

from adapters.kit.contract import Identifier, Name, Subject

from ..model import Handover


def packed(handover: Handover) -> bytes:
    """The same bytes for the same delivery, however often it is asked for."""
    found = dataclasses.asdict(handover)
    del found["signature"]  # the same delivery may be signed anew; the intent says how the first one was
    if not handover.officer:
        del found["officer"]  # as it was packed when there was none yet: a retry is the same delivery
    found |= {"needs": sorted(handover.needs), "under": sorted(handover.under)}
    for name in ("needs", "under"):
        if not found[name]:
            del found[name]
    return json.dumps(found, sort_keys=True, default=str, ensure_ascii=False).encode()


def unpacked(sealed: bytes, row: Row[Any]) -> Handover:
    """The handover of a delivery's row, from the bytes that were sealed there."""
    found = json.loads(sealed)
    return Handover(
        consumer=row.consumer,
        service=found["service"],
        purpose=found["purpose"],
        subject=subject_of(found["subject"]),
        record=found["record"],
        idempotency_key=found["idempotency_key"],
        case=found["case"],
        action=found["action"],
        officer=found.get("officer", ""),
        needs=frozenset(found.get("needs", ())),
        under=tuple(found.get("under", ())),
    )


def subject_of(found: Mapping[str, object]) -> Subject:
    """A subject as `dataclasses.asdict` and JSON left it."""
    identifiers, names, born = found["identifiers"], found["names"], found["birth_date"]
    assert isinstance(identifiers, list)
    assert isinstance(names, list)
    return Subject(
        tuple(Identifier(**each) for each in identifiers),
        tuple(Name(**each) for each in names),
        date.fromisoformat(str(born)) if born else None,
    )
