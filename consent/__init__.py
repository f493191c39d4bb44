"""Data-sharing agreements, people's consents, and the decision on what may be exchanged.

Usable on its own: no web framework, no HTTP client, nothing of the gateway; see README.md.
"""

from . import reading, register, store
from .canonical import canonical
from .decide import decide
from .decide_many import decide_many
from .document import agreement_of, consent_of
from .errors import ConsentError, FactsUnavailable
from .lookup import FactsSource, facts_for
from .model import (
    Agreement,
    Consent,
    Control,
    Decision,
    Facts,
    Grant,
    LegalBasis,
    Objection,
    Party,
    Relationship,
    Request,
    State,
    member_of,
)
from .sentences import sentences
from .signing import SignedAgreement, sign_agreement, verify_agreement

__all__ = [
    "Agreement",
    "Consent",
    "ConsentError",
    "Control",
    "Decision",
    "Facts",
    "FactsSource",
    "FactsUnavailable",
    "Grant",
    "LegalBasis",
    "Objection",
    "Party",
    "Relationship",
    "Request",
    "SignedAgreement",
    "State",
    "agreement_of",
    "canonical",
    "consent_of",
    "decide",
    "decide_many",
    "facts_for",
    "member_of",
    "reading",
    "register",
    "sentences",
    "sign_agreement",
    "store",
    "verify_agreement",
]
