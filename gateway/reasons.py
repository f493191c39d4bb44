"""What the log keeps of a decision's reasons: the same words, with no id in them that two entries share.

A consent, an objection or a restriction is about one person, so its id would tie that person's entries together.
In an entry it stands as a pseudonym that is different in each one. Format of the lines: `consent.decide`.
"""

import re
from collections.abc import Sequence

from audit import subject_pseudonym

ID = r"[A-Za-z0-9][A-Za-z0-9._-]*"
OF_A_PERSON = re.compile(rf"(deny (?:consent|objection|restriction) )({ID})(: .*)", re.ASCII)
BY_CONSENT = re.compile(
    rf"((?:allow|deny) agreement .+?: consent )({ID})((?: \(not used\)| has another controller| has none of .+)?)",
    re.ASCII,
)
DIGITS = 16


def logged(reasons: Sequence[str], *, person_ref: str, entry_id: object, deciding: str = "") -> list[str]:
    """The lines for one entry.

    Args:
        person_ref: whom the entry is about; without it a pseudonym cannot be traced to an id.
        entry_id: of the entry that will hold them.
        deciding: the consent that carried an exchange that was allowed: lines about others are left out.
            Empty: all lines stay, because they say why not, or because no consent was needed.
    """
    return [
        _hidden(reason, person_ref, entry_id)
        for reason in reasons
        if not deciding or _consent_of(reason) in {"", deciding}
    ]


def consent_pseudonym(id_: str, person_ref: str, entry_id: object) -> str:
    """How a consent, an objection or a restriction of this person is called in one entry: 16 hexadecimal digits."""
    return subject_pseudonym(person_ref, f"{entry_id} {id_}")[:DIGITS]


def _hidden(reason: str, person_ref: str, entry_id: object) -> str:
    found = _found(reason)
    if found is None:
        return reason
    before, id_, after = found.groups()
    return f"{before}{consent_pseudonym(id_, person_ref, entry_id)}{after}"


def _consent_of(reason: str) -> str:
    """The consent that a line is about; empty for a line about something else."""
    found = _found(reason)
    return found[2] if found and "consent " in found[1] else ""


def _found(reason: str) -> re.Match[str] | None:
    return OF_A_PERSON.fullmatch(reason) or BY_CONSENT.fullmatch(reason)
