"""Copies of entries for other programs: JSON Lines, spreadsheet, FHIR. Handy, and not evidence: nothing proves them."""

import csv
import io
import json
from collections.abc import Iterable, Mapping

from .entry import INDEXED, Entry, of_many
from .lookup import Logged
from .wording import sentence

NOT_EVIDENCE = "not evidence: a copy for reading; only entries with their proofs are evidence"
FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20", "\t", "\r", "\n")
"""A spreadsheet takes a cell that begins like this for a formula."""
COLUMNS = ("log", "seq", "id", "claimed_time", "kind", *INDEXED, "sentence")
ACTIONS = {"exchange.intent": "R", "exchange.outcome": "R"}
GOOD = frozenset({"answered", "no_data", "unknown_person", "ambiguous"})


def jsonl(origin: str, entries: Iterable[Logged]) -> str:
    """One JSON object a line; the first says what this is not."""
    lines = ({"notice": NOT_EVIDENCE}, *(_line(origin, each) for each in entries))
    return "".join(json.dumps(line, ensure_ascii=False, sort_keys=True) + "\n" for line in lines)


def spreadsheet(origin: str, entries: Iterable[Logged]) -> str:
    """CSV (RFC 4180) that no spreadsheet program takes for formulas; the first row says what this is not."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([NOT_EVIDENCE])
    writer.writerow(COLUMNS)
    for each in entries:
        facts = each.entry.facts
        row = [origin, each.seq, each.entry.id, each.entry.at.isoformat(), each.entry.kind]
        row += [_indexed(facts, name) for name in INDEXED]
        writer.writerow([safe(str(value)) for value in (*row, sentence(each.entry))])
    return out.getvalue()


def _indexed(facts: Mapping[str, object], name: str) -> object:
    """An indexed fact; of a batch, which has several, all of them."""
    return facts.get(name) or ", ".join(text for key, text in of_many(facts) if key == name)


def safe(cell: str) -> str:
    """A cell that is text whatever it begins with."""
    return f"'{cell}" if cell.startswith(FORMULA) else cell


def audit_events(origin: str, entries: Iterable[Logged]) -> str:
    """A FHIR R4 Bundle of AuditEvent resources (IHE BALP style: who, for whom, what; never results)."""
    tag = {"system": "https://c2sp.org/tlog-tiles", "code": "not-evidence", "display": NOT_EVIDENCE}
    resources = [{"resource": _audit_event(origin, each)} for each in entries]
    bundle = {"resourceType": "Bundle", "type": "collection", "meta": {"tag": [tag]}, "entry": resources}
    return json.dumps(bundle, ensure_ascii=False, indent=1)


def _line(origin: str, each: Logged) -> dict[str, object]:
    entry = each.entry
    return {
        "log": origin,
        "seq": each.seq,
        "id": str(entry.id),
        "claimed_time": entry.at.isoformat(),
        "kind": entry.kind,
        "facts": entry.facts,
        "sentence": sentence(entry),
    }


def _audit_event(origin: str, each: Logged) -> dict[str, object]:
    entry, facts = each.entry, each.entry.facts
    outcome = facts.get("outcome")
    return {
        "resourceType": "AuditEvent",
        "id": str(entry.id),
        "type": {"system": "http://terminology.hl7.org/CodeSystem/audit-event-type", "code": "rest"},
        "subtype": [{"system": f"https://{origin}", "code": entry.kind}],
        "action": ACTIONS.get(entry.kind, "E"),
        "recorded": entry.at.isoformat(),
        "outcome": "0" if outcome is None or outcome in GOOD else "4",
        "outcomeDesc": sentence(entry),
        "agent": _agents(entry, facts),
        "source": {"observer": {"display": origin}},
        "entity": [{"what": {"identifier": {"value": str(facts.get("exchange_id", entry.id))}}}],
    }


def _agents(entry: Entry, facts: Mapping[str, object]) -> list[dict[str, object]]:
    roles = (("consumer", True), ("provider", False), ("by", True))
    found = [
        {"who": {"display": str(facts[role])}, "requestor": requestor} for role, requestor in roles if role in facts
    ]
    return found or [{"who": {"display": entry.kind}, "requestor": False}]


FORMATS = {"jsonl": jsonl, "csv": spreadsheet, "fhir": audit_events}
