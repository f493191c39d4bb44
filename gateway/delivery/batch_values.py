"""A batch, a line of it, and both as they are stored."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import orjson
from sqlalchemy import Row

from adapters.kit.contract import Subject

from ..model import Ask, ClaimAsked, Period
from .handovers import subject_of


@dataclass(frozen=True, slots=True)
class Line:
    """One person of a batch. `key` is the caller's own name for the line."""

    key: str
    subject: Subject


@dataclass(frozen=True, slots=True)
class Batch:
    """What its owner may see of a batch."""

    id: str
    state: str  # running | done | failed | erased
    lines: int
    done: int
    outcomes: Mapping[str, int]
    receipt: str
    digest: str = ""

    def wire(self) -> dict[str, object]:
        """The JSON answer of `/v1/batches/{id}`."""
        return {"batch_id": self.id, "exchange_id": self.id, **{k: v for k, v in asdict(self).items() if k != "id"}}


def content_digest(sha256: bytes) -> str:
    """The `Content-Digest` of results. Source: RFC 9530 section 2."""
    return f"sha-256=:{b64encode(sha256).decode()}:"


def shown(row: Row[Any]) -> Batch:
    """From its row."""
    return Batch(row.id, row.state, row.lines, row.done, row.outcomes, row.receipt, row.digest)


def packed(lines: Sequence[Line]) -> bytes:
    """The asks of a chunk as they are sealed."""
    return orjson.dumps(lines)


def line_of(found: Mapping[str, Any]) -> Line:
    """One of them again."""
    return Line(found["key"], subject_of(found["subject"]))


def pattern_json(pattern: Ask) -> dict[str, object]:
    """The question as the batch's row keeps it."""
    return {
        "fields": sorted(pattern.fields),
        "claim": asdict(pattern.claim) if pattern.claim else None,
        "period": [pattern.period.start.isoformat(), pattern.period.end.isoformat()] if pattern.period else None,
        "as_at": pattern.as_at.isoformat(),
        "case": pattern.case,
        "action": pattern.action,
        **({"officer": pattern.officer} if pattern.officer else {}),
    }


def pattern_of(row: Row[Any]) -> Ask:
    """The question of a batch, with an empty subject."""
    asked: Mapping[str, Any] = row.asked
    period = asked["period"]
    return Ask(
        consumer=row.consumer,
        service=row.service,
        purpose=row.purpose,
        subject=Subject(),
        as_at=date.fromisoformat(asked["as_at"]),
        fields=frozenset(asked["fields"]),
        claim=ClaimAsked(**asked["claim"]) if asked["claim"] else None,
        period=Period(date.fromisoformat(period[0]), date.fromisoformat(period[1])) if period else None,
        case=asked["case"],
        action=asked["action"],
        officer=asked.get("officer", ""),
    )
