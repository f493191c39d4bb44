"""A receipt for the person: what was allowed, to whom, for what, how long, and how to take it back.

The members follow ISO/IEC TS 27560:2023 (record header, processing, parties, events). The receipt names no person:
`principal` is a pseudonym made for this one consent. It is signed as a compact JWS of its own type, so that a printed
code can be checked against the gateway's published keys years later, without asking anybody.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from joserfc import jws
from joserfc.errors import JoseError

from .canonical import canonical
from .document import moment_text
from .errors import SignatureMalformed, WrongSigner
from .model import Consent
from .signing import REGISTRY, key_of

SCHEMA = "ISO/IEC TS 27560:2023"
TYPE = "consent-receipt+jws"
RIGHTS = ("access", "withdrawal", "objection", "rectification", "complaint")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a receipt says beside the consent itself.

    Attributes:
        principal: pseudonym of the person, for this consent only.
        issuer: who writes the receipt: the gateway's id.
        withdraw_at: where the person takes the consent back.
        purpose_terms: purpose -> term of the W3C Data Privacy Vocabulary.
        authority: whom the person may complain to.
    """

    principal: str
    issuer: str
    withdraw_at: str
    purpose_terms: Mapping[str, str]
    authority: str


def receipt(consent: Consent, about: Surroundings, now: datetime) -> dict[str, object]:
    """The receipt of a consent as it stands now."""
    return {
        "schema_version": SCHEMA,
        "receipt_id": f"{consent.id}.{int(now.timestamp())}",
        "receipt_created": moment_text(now),
        "record_id": consent.id,
        "pii_principal_id": about.principal,
        "issuer": about.issuer,
        "language": consent.language or None,
        "privacy_notice": consent.notice or None,
        "pii_controllers": [consent.controller],
        "recipients": sorted(consent.recipients),
        "purposes": [_purpose(each, consent, about) for each in sorted(consent.purposes)],
        "collection_method": consent.given_how,
        "given_by": consent.given_by,
        "assurance": consent.assurance,
        "evidence": consent.evidence,
        "withdrawal_method": about.withdraw_at,
        "privacy_rights": list(RIGHTS),
        "authority_party": about.authority,
        "events": _events(consent),
        "event_state": consent.standing(now),
    }


def _purpose(purpose: str, consent: Consent, about: Surroundings) -> dict[str, object]:
    return {
        "purpose": purpose,
        "purpose_type": about.purpose_terms.get(purpose),
        "lawful_basis": "consent",
        "pii_information": [
            {"service": service, "attributes": "all" if fields is None else sorted(fields)}
            for service, fields in sorted(consent.services.items())
        ],
        "retention_days": consent.data_life_days,
        "times_per_day": consent.times_per_day,
    }


def _events(consent: Consent) -> list[dict[str, object]]:
    period = {"from": moment_text(consent.valid_from), "until": moment_text(consent.valid_until)}
    events: list[dict[str, object]] = [{"event_type": "given", "validity": period}]
    if consent.withdrawn_at is not None:
        events.append({"event_type": "withdrawn", "event_time": moment_text(consent.withdrawn_at)})
    return events


def sign_receipt(document: Mapping[str, object], private_jwk: Mapping[str, str]) -> str:
    """A compact JWS over the canonical receipt, EdDSA; `kid` is taken from the key."""
    header = {"alg": "EdDSA", "kid": private_jwk["kid"], "typ": TYPE}
    return jws.serialize_compact(header, canonical(document), key_of(private_jwk), registry=REGISTRY)


def verify_receipt(signed: str, public_jwk: Mapping[str, str]) -> dict[str, object]:
    """The receipt, if this key signed it.

    Raises:
        SignatureMalformed: no receipt.
        WrongSigner: another key's, or altered.
    """
    try:
        found = jws.deserialize_compact(signed, key_of(public_jwk), registry=REGISTRY)
    except (JoseError, ValueError):
        raise WrongSigner("the receipt was altered after it was signed: do not rely on it") from None
    if found.headers().get("typ") != TYPE:
        raise SignatureMalformed(f"a receipt is a compact JWS of type {TYPE}")
    document = json.loads(found.payload or b"")
    assert isinstance(document, dict)
    return document
