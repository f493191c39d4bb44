"""What passes between the gateway and an agency's connector: one question, one signed answer, both as JSON.

The connector dials out (`connector.py`), so the gateway's questions travel as answers to its calls. Each answer is a
compact JWS by the agency's own registered key, whose payload names the exchange and the digest of the question: it is
evidence on its own. See decision record 0124.

Source: RFC 7515 sections 3.1 and 7.1.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from adapters.kit import contract
from adapters.kit.contract import AgencyError, AgencyUnavailable, Identifier, Name, Period, Question, Subject

TYPE = "sandhi-answer+jwt"
"""`typ` of the JWS."""
HELD_S = 25.0
"""How long the gateway keeps a call of a connector open while there is no question."""
NEXT = "/v1/connectors/{adapter}/next"
ANSWERS = "/v1/connectors/{adapter}/answers"

KINDS: Mapping[str, type[AgencyError]] = {
    kind.__name__: kind
    for kind in (
        contract.AgencyUnavailable,
        contract.AgencyTimeout,
        contract.AgencyAnswerMalformed,
        contract.AgencyRefused,
        contract.AgencyRejectedMessage,
        contract.AgencyHasNoSuchPerson,
        contract.AgencyCannotTell,
    )
}


@dataclass(frozen=True, slots=True)
class Told:
    """A connector's answer: the record narrowed to what was asked for, or the claim alone."""

    content: Mapping[str, object]
    as_of: date
    code: str = ""
    match: str = "exact"
    empty: bool = False


def folder_digest(folder: Path) -> str:
    """SHA-256 of a folder's files, in hex, as the gateway has it of each version: over the list of names and digests.

    Hidden files and caches are none of it. Source: RFC 8785, of which ASCII names and hex need no more than this.
    """
    paths = [path for path in folder.rglob("*") if path.is_file()]
    names = {path.relative_to(folder).as_posix(): path for path in paths}
    own = {
        name: hashlib.sha256(path.read_bytes()).hexdigest()
        for name, path in names.items()
        if not any(part.startswith(".") or part == "__pycache__" for part in name.split("/"))
    }
    return digest(own)


def question_document(question: Question) -> dict[str, Any]:
    """The question as it travels; only what the adapter may send to the agency is in it."""
    subject, period = question.subject, question.period
    return {
        "service": question.service,
        "subject": {
            "identifiers": [{"type": each.type, "value": each.value} for each in subject.identifiers],
            "names": [
                {"language": each.language, "script": each.script, "value": each.value} for each in subject.names
            ],
            "birth_date": subject.birth_date.isoformat() if subject.birth_date else None,
        },
        "fields": sorted(question.fields),
        "as_at": question.as_at.isoformat(),
        "period": [period.start.isoformat(), period.end.isoformat()] if period else None,
        "claim": {"name": question.claim, "parameters": dict(question.parameters)} if question.claim else None,
    }


def question_of(document: Mapping[str, Any]) -> Question:
    """The question that a document holds.

    Raises:
        ValueError, LookupError, TypeError: it is none.
    """
    told, claim, period = document["subject"], document["claim"] or {}, document["period"]
    subject = Subject(
        tuple(Identifier(each["type"], each["value"]) for each in told["identifiers"]),
        tuple(Name(each["language"], each["script"], each["value"]) for each in told["names"]),
        date.fromisoformat(told["birth_date"]) if told["birth_date"] else None,
    )
    return Question(
        document["service"],
        subject,
        frozenset(document["fields"]),
        date.fromisoformat(document["as_at"]),
        Period(*map(date.fromisoformat, period)) if period else None,
        claim.get("name", ""),
        claim.get("parameters", {}),
    )


def digest(document: Mapping[str, Any]) -> str:
    """SHA-256 of a document, in hex: keys sorted, no spaces, ASCII."""
    return hashlib.sha256(json.dumps(document, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def told_document(told: Told | AgencyError) -> dict[str, Any]:
    """The part of an answer's payload that says what came of the question."""
    if isinstance(told, AgencyError):
        kind = type(told).__name__ if type(told).__name__ in KINDS else AgencyUnavailable.__name__
        return {"failed": {"kind": kind, "detail": told.detail, "code": told.code}}
    return {
        "answered": {
            "content": dict(told.content),
            "as_of": told.as_of.isoformat(),
            "code": told.code,
            "match": told.match,
            "empty": told.empty,
        }
    }


def told_of(payload: Mapping[str, Any]) -> Told | AgencyError:
    """The same, read.

    Raises:
        ValueError, LookupError, TypeError: it is none.
    """
    if "failed" in payload:
        failed = payload["failed"]
        return KINDS[failed["kind"]](str(failed["detail"])[:200], code=str(failed["code"])[:200])
    told = payload["answered"]
    if not isinstance(told["content"], dict):
        raise TypeError("the content is no object")
    return Told(
        told["content"],
        date.fromisoformat(told["as_of"]),
        str(told["code"])[:200],
        "exact" if told["match"] == "exact" else "probable",
        told["empty"] is True,
    )
