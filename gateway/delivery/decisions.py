"""What a batch decided about each person, in the exact bytes that its outcome entry commits to.

A line's answer is committed to with a salt that only the caller gets, so a line can be proved alone; the decision, with
that commitment in it, is one leaf of an RFC 6962 tree whose root stands in the outcome entry (`decisions_root`).
"""

from collections import Counter
from collections.abc import Iterable

import orjson

from audit import commit, subject_pseudonym
from audit.merkle import CompactRange, leaf_hash, root_of
from audit.randomness import new_salt

from .lines import Result


def told_line(exchange_id: str, key: str, result: Result) -> tuple[bytes, str]:
    """One line of the results as JSON with its salt, and the commitment to it.

    The commitment covers the line without `salt`: members sorted, no spaces (RFC 8785 for what a line holds).
    """
    said = {"line": key, "exchange_id": exchange_id, **result.told}
    salt, content = new_salt(), orjson.dumps(said, option=orjson.OPT_SORT_KEYS)
    return b'%b,"salt":"%b"}\n' % (content[:-1], salt.hex().encode()), commit("line", salt, content)


def decision_text(owner: str, position: int, result: Result, commitment: str) -> str:
    """The decision row: outcome, rules, agreement, names of fields; the person only as a pseudonym.

    `subject` is the person under `owner`, the id that the rows stand under: whoever holds the person's reference can
    show that the line is theirs, and nobody can link it to another. `told` is there where the caller was told another
    outcome than the true one.
    """
    decision: dict[str, object] = {
        "line": position,
        "subject": subject_pseudonym(result.request.subject_ref, owner),
        "outcome": result.outcome,
        "reasons": result.reasons,
        "answer": commitment,
    }
    if result.told["outcome"] != result.outcome:
        decision["told"] = result.told["outcome"]
    if "contested" in result.told:
        decision["contested"] = True
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


class Tally:
    """What a batch's decisions come to, taken in by any number in the order of their lines.

    Attributes:
        outcomes: true outcome -> lines, for the log.
        told: outcome as the caller may know it -> lines.
    """

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()
        self.told: Counter[str] = Counter()
        self._agreements: set[str] = set()
        self._tree = CompactRange()

    def take(self, decisions: Iterable[str]) -> None:
        """Count some more decision rows."""
        leaves = []
        for text in decisions:
            content = text.encode()
            leaves.append(leaf_hash(content))
            decision = orjson.loads(content)
            self.outcomes[decision["outcome"]] += 1
            self.told[decision.get("told", decision["outcome"])] += 1
            if "agreement" in decision:
                self._agreements.add(f"{decision['agreement']} v{decision['agreement_version']}")
        self._tree, _ = self._tree.extended(leaves)

    def evidence(self) -> dict[str, object]:
        """What the outcome entry says of them: the root, and the agreements that lines rest on (`DSA-2026-04 v1`)."""
        return {"decisions_root": self._tree.root().hex(), "agreements": sorted(self._agreements)}
