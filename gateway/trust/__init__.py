"""Who is calling, and is it really them: members, systems, keys, tokens, message signatures, sealing, pseudonyms."""

from .caller import Caller, authenticated
from .errors import CredentialRefused, NoIdentifier, RegistrationRefused, SignatureRefused, TrustError
from .person import PersonRef
from .policy import Policy
from .register import Member, Offered, System
from .seal import Seal
from .trust import Trust

__all__ = [
    "Caller",
    "CredentialRefused",
    "Member",
    "NoIdentifier",
    "Offered",
    "PersonRef",
    "Policy",
    "RegistrationRefused",
    "Seal",
    "SignatureRefused",
    "System",
    "Trust",
    "TrustError",
    "authenticated",
]
