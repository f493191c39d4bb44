"""What a batch decided about each person, in the exact bytes that its outcome entry commits to.

A line's answer is committed to with a salt that only the caller gets, so a line can be proved alone; the decision, with
that commitment in it, is one leaf of an RFC 6962 tree whose root stands in the outcome entry (`decisions_root`).
"""

from collections.abc import Iterable, Mapping
from secrets import token_bytes

import orjson

from audit import commit
from audit.merkle import root_of

from .lines import Result


def told_line(exchange_id: str, key: str, result: Result) -> tuple[bytes, str]:
    """One line of the results as JSON with its salt, and the commitment to it.

    The commitment covers the line without `salt`: members sorted, no spaces (RFC 8785 for what a line holds).
    """
    said = {"line": key, "exchange_id": exchange_id, **result.told}
    salt = token_bytes(32)
    commitment = commit("line", salt, orjson.dumps(said, option=orjson.OPT_SORT_KEYS))
    return orjson.dumps({**said, "salt": salt.hex()}) + b"\n", commitment


def decision_text(position: int, result: Result, commitment: str) -> str:
    """The decision row: outcome, rules, agreement, names of fields; nothing of the person."""
    decision: dict[str, object] = {
        "line": position,
        "outcome": result.outcome,
        "reasons": result.reasons,
        "answer": commitment,
    }
    if result.permit and result.permit.agreement:
        decision |= {
            "agreement": result.permit.agreement,
            "agreement_version": result.permit.agreement_version,
            "basis": result.permit.basis,
            "released": result.fields,
            "withheld": [f"{each.field}: {each.reason}" for each in result.permit.withheld],
        }
    return orjson.dumps(decision, option=orjson.OPT_SORT_KEYS).decode()


def decisions_root(decisions: Iterable[str]) -> str:
    """The root over all decisions in the order of their lines, hex."""
    return root_of(decision.encode() for decision in decisions).hex()


def agreements_of(decisions: Iterable[Mapping[str, object]]) -> list[str]:
    """`DSA-2026-04 v1`: the agreements that lines rest on, each once."""
    named = {f"{each['agreement']} v{each['agreement_version']}" for each in decisions if "agreement" in each}
    return sorted(named)
