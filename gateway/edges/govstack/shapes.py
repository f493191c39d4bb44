"""What callers send, in the published shapes. Members that we do not use are taken and left.

Source: GovStack Consent building block API 1.1.0-rc1, components/schemas.
"""

from typing import Annotated, Any

from pydantic import ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

from ..v1 import shapes

Text = Annotated[str, StringConstraints(max_length=20_000)]
Id = Annotated[str, StringConstraints(max_length=300)]
Part = Annotated[dict[str, Any], Field(max_length=40)]


class Shape(shapes.Shape):
    """Unknown members are errors; names are written as published, `dataAgreement`."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel)


class Individual(Shape):
    """`externalId` is a number of the person; it is hashed at once and not kept."""

    id: Id
    external_id: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    external_id_type: Annotated[str, StringConstraints(min_length=1, max_length=120)]
    identity_provider_id: Id | None = None


class IndividualIn(Shape):
    """`POST .../individual/` and `PUT .../individual/{individualId}/`."""

    individual: Individual


class Signature(Shape):
    """What the person signed and how. It is hashed; the controller keeps it."""

    id: Id
    payload: Text
    signature: Text
    verification_method: Text
    verification_payload: Text
    verification_payload_hash: Text
    verification_signed_by: Text
    timestamp: Id
    verification_artifact: Text | None = None
    verification_signed_as: Id | None = None
    verification_jws_header: Text | None = None
    signed_without_object_reference: bool | None = None
    object_type: Id | None = None
    object_reference: Id | None = None


class SignatureIn(Shape):
    """`POST` and `PUT .../signature/`."""

    signature: Signature


class ConsentRecord(Shape):
    """Of the inner objects only their ids count."""

    id: Id
    data_agreement_revision_hash: Id
    state: Id
    data_agreement: Part | None = None
    data_agreement_revision: Part | None = None
    individual: Part | None = None
    opt_in: bool | None = None
    signature: Part | None = None

    def id_of(self, part: str) -> str:
        """The id of an inner object; empty if there is none."""
        return str((getattr(self, part) or {}).get("id", ""))


class ConsentRecordIn(Shape):
    """`PUT .../consent-record/{consentRecordId}/`."""

    consent_record: ConsentRecord


class SignedRecordIn(Shape):
    """`POST .../consent-record/`."""

    consent_record: ConsentRecord
    signature: Signature


class Policy(Shape):
    """An agreement, as far as the published shape can say it."""

    id: Id
    name: Annotated[str, StringConstraints(min_length=1, max_length=300)]
    version: Id
    url: Id
    jurisdiction: Id | None = None
    industry_sector: Id | None = None
    data_retention_period_days: Annotated[int, Field(ge=1, le=36_500)] | None = None
    geographic_restriction: Id | None = None
    storage_location: Id | None = None


class PolicyIn(Shape):
    """`PUT /config/policy/{policyId}/`."""

    policy: Policy


class DataAgreement(Shape):
    """A purpose for the agreement that `policy.id` names."""

    id: Id
    version: Id
    purpose: Id
    lawful_basis: Id
    dpia: Text
    policy: Part | None = None
    controller: Part | None = None
    data_use: Id | None = None
    active: bool | None = None
    forgettable: bool | None = None
    compatible_with_version: Part | None = None
    lifecycle: Part | None = None
    signature: Part | None = None


class DataAgreementIn(Shape):
    """`POST` and `PUT` of a data agreement."""

    data_agreement: DataAgreement
