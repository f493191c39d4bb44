"""Medical certificates over FHIR R4: one search by certificate number and person, cut down to a claim as it is read.

Source: FHIR R4 (search 3.1.1, DocumentReference); our profile of it, `docs/profiles/health-certificate.md`.
"""

import re
from typing import Any

from adapters.kit.base import BaseAdapter, Kit, as_of
from adapters.kit.contract import (
    AgencyAnswerMalformed,
    AgencyRejectedMessage,
    Question,
    RawAnswer,
    Service,
)
from adapters.kit.fitting import check_fits
from adapters.kit.manifest import answer_validator
from adapters.kit.nic import NEW_FORM, new_form
from adapters.kit.transports.fhir import FhirSearches

from . import fhir

_NUMBER = re.compile(r"[A-Za-z0-9-]{1,40}", re.ASCII)


class Health(BaseAdapter):
    """One question is one search. A certificate that the register does not have is an answer: not genuine."""

    def __init__(self, kit: Kit) -> None:
        super().__init__(kit)
        self._searches = FhirSearches(kit, fhir.SCOPE)

    async def ask(self, question: Question) -> RawAnswer:
        """Search for the certificate of this person; see `contract.Adapter.ask`."""
        service = self.service(question.service)
        certificate = question.subject.identifier("CERTIFICATE") or ""
        number = new_form(question.subject.identifier("NIC") or "")
        if not _NUMBER.fullmatch(certificate) or not NEW_FORM.fullmatch(number):
            raise AgencyRejectedMessage("needs the number of a certificate and the person's NIC", code="identifier")
        bundle = await self._searches.found(
            "DocumentReference", fhir.search(certificate, number), service.answer_schema
        )
        found = fhir.matches(bundle)
        if any(each.certificate != certificate or each.person != number for each in found):
            raise AgencyAnswerMalformed("a certificate that was not asked about", code="identifier")
        return RawAnswer(_payload(found), as_of(service, question.as_at), code="200")

    def parse(self, service: str, body: bytes) -> object:
        """The payload of a searchset Bundle: no more than is used of it.

        Raises:
            AgencyAnswerMalformed: not JSON, not a searchset, or more than one certificate.
        """
        bundle: Any = super().parse(service, body)
        schema = self.service(service).answer_schema
        check_fits(bundle, answer_validator(self.kit.folder, schema), f"the answer breaks {schema}")
        return _payload(fhir.matches(bundle))

    def mapped(self, service: Service, raw: RawAnswer) -> dict[str, object]:
        """Genuine only if it stands; then also what for and until when, else neither."""
        del service  # the adapter has one
        payload: Any = raw.payload
        return fhir.claim(payload)


def build(kit: Kit) -> Health:
    """The adapter of this folder."""
    return Health(kit)


def _payload(found: list[fhir.Certificate]) -> dict[str, object]:
    """What the claim rests on, without the two numbers.

    Raises:
        AgencyAnswerMalformed: more than one certificate under one number.
    """
    if len(found) > 1:
        raise AgencyAnswerMalformed("more than one certificate under one number at /entry", code="match")
    return dict(found[0].claimed) if found else {}
