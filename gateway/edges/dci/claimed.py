"""What a sender says of consent or of a legal basis: kept as its claim, held against our register, never believed.

DCI leaves `consent` and `authorize` open but for an example with a purpose (`text`, `code`, `ref_uri`). The decision
rests on our own agreements and consents alone; the claim stands in the intent, so that one without a consent behind it
is seen afterwards.
"""

from collections.abc import Mapping
from typing import Any

from consent import register as consent_register
from consent.errors import ConsentUnknown

from ...gate import utc_now
from ...model import Subject
from ...wiring import Services

MOST = 64  # characters of a consent's id
UNKNOWN = "unknown"


async def claimed(criteria: Mapping[str, Any], subject: Subject, here: Services) -> dict[str, str]:
    """The claim as the log keeps it: empty without one.

    `by` is the member of the criteria; `reference` a keyed hash of `ref_uri`, which is the sender's own text;
    `register` says how the consent of that id stands: `unknown` also where it is another person's.
    """
    for member in ("consent", "authorize"):
        stated = criteria.get(member)
        if not isinstance(stated, Mapping) or not stated:
            continue
        purpose = stated.get("purpose")
        reference = purpose.get("ref_uri") if isinstance(purpose, Mapping) else None
        if not isinstance(reference, str) or not reference:
            return {"by": member}
        register = await _standing(reference, subject, here) if member == "consent" else ""
        told = {"by": member, "reference": here.person_ref.case_ref(reference)}
        return told | ({"register": register} if register else {})
    return {}


async def _standing(reference: str, subject: Subject, here: Services) -> str:
    id_ = reference.rpartition("/")[2].rpartition(":")[2]
    if not id_ or len(id_) > MOST or "\x00" in id_:
        return UNKNOWN
    try:
        async with here.db.read() as connection:
            consent = await consent_register.read_consent(connection, id_)
    except ConsentUnknown:
        return UNKNOWN
    same = consent.subject_ref == here.person_ref(subject)
    return consent.standing(utc_now()) if same else UNKNOWN
