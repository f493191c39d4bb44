"""Every way this package says no. A refused request is not an error: `decide` answers it with reasons.

ConsentError
├── DocumentInvalid         an agreement or a consent does not fit its format; `detail` names the place
│   └── NotCanonical            a value that canonical JSON (RFC 8785) cannot carry
├── SignatureRefused        an agreement is not what both members signed
│   ├── SignatureMissing        unsigned, or signed by one side only
│   ├── SignatureUnexpected     a signature of somebody who is no party
│   ├── SignatureMalformed      not a compact JWS, or a header other than `alg`, `kid` and our `typ`
│   ├── AlgorithmRefused        not EdDSA (Ed25519), ES256 or PS256
│   ├── DocumentAltered         the signature is over other bytes than this document's
│   └── WrongSigner             no key of this member made the signature
├── Conflict                what is asked does not follow from what is recorded
│   ├── AgreementConflict       wrong version, other parties, already ended
│   ├── ConsentConflict         the id stands for something else already
│   └── ControlConflict         the same stands already
├── NotFound
│   ├── AgreementUnknown
│   ├── ConsentUnknown
│   ├── ObjectionUnknown
│   ├── RelationshipUnknown
│   └── ControlUnknown
├── GiverRefused            who gave a consent may not speak for this person
├── QuotaSpent              more was asked than the agreement allows in this hour or on this day
└── FactsUnavailable        the database did not answer, or too many lookups wait (safe to retry)

`code` is public and never changes. `detail` says what to do and never carries a person's data.
"""

from datetime import datetime


class ConsentError(Exception):
    """See the tree above."""

    code = "consent_error"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class DocumentInvalid(ConsentError):
    """The text names the place as a JSON pointer, and what belongs there."""

    code = "document_invalid"


class NotCanonical(DocumentInvalid):
    """Not a number, an integer beyond 2**53, half of a surrogate pair, or not JSON at all."""

    code = "not_canonical"


class SignatureRefused(ConsentError):
    """The agreement is not what both members signed."""

    code = "signature_refused"


class SignatureMissing(SignatureRefused):
    """Unsigned, or signed by one side only."""

    code = "signature_missing"


class SignatureUnexpected(SignatureRefused):
    """A signature of somebody who is no party."""

    code = "signature_unexpected"


class SignatureMalformed(SignatureRefused):
    """Not a compact JWS of our type."""

    code = "signature_malformed"


class AlgorithmRefused(SignatureRefused):
    """Not one of the allowed algorithms."""

    code = "algorithm_refused"


class DocumentAltered(SignatureRefused):
    """The signature is over other bytes."""

    code = "document_altered"


class WrongSigner(SignatureRefused):
    """No key of this member made the signature."""

    code = "wrong_signer"


class Conflict(ConsentError):
    """What is asked does not follow from what is recorded."""

    code = "conflict"


class AgreementConflict(Conflict):
    """Wrong version, other parties, or already ended."""

    code = "agreement_conflict"


class ConsentConflict(Conflict):
    """The id stands for something else already."""

    code = "consent_conflict"


class NotFound(ConsentError):
    """There is nothing of this id. One text for what does not exist and for what is not the caller's."""

    code = "not_found"

    def __init__(self, detail: str = "there is nothing of this id") -> None:
        super().__init__(detail)


class AgreementUnknown(NotFound):
    """No agreement has this id, or not in this version."""


class ConsentUnknown(NotFound):
    """No consent has this id."""


class ObjectionUnknown(NotFound):
    """No objection has this id."""


class RelationshipUnknown(NotFound):
    """This member holds none of this id."""


class ControlConflict(Conflict):
    """The same stands already; end it first."""

    code = "control_conflict"


class ControlUnknown(NotFound):
    """This provider placed none of this id, or it was ended."""


class GiverRefused(ConsentError):
    """See `authority`; the text names purposes and who may, never the person."""

    code = "giver_refused"


class FactsUnavailable(ConsentError):
    """Try again."""

    code = "facts_unavailable"


class QuotaSpent(ConsentError):
    """`kind` is a member of `Quota`; `until` the moment at which asking helps again, None if it never will."""

    code = "quota_spent"

    def __init__(self, kind: str, until: datetime | None) -> None:
        again = f"ask again after {until:%Y-%m-%dT%H:%M:%SZ}" if until else "send fewer at once"
        super().__init__(f"the agreement's quota {kind.replace('_', ' ')} is spent: {again}")
        self.kind = kind
        self.until = until
