"""Medical certificates over FHIR R4: one search by certificate number and person, cut down to a claim as it is read.

Source: FHIR R4 (search 3.1.1, DocumentReference); our profile of it, `docs/profiles/health-certificate.md`.
"""

import re
from typing import Any
from urllib.parse import urlencode

from adapters.kit import strict_json
from adapters.kit.base import BaseAdapter, Kit, as_of
from adapters.kit.contract import (
    AgencyAnswerMalformed,
    AgencyRejectedMessage,
    Question,
    RawAnswer,
    Service,
)
from adapters.kit.egress import HttpAnswer
from adapters.kit.manifest import answer_validator
from adapters.kit.nic import new_form
from adapters.kit.transports.oauth import ClientCredentials
from adapters.kit.transports.rest import error_of, read_json
from schemas import first_fault

from . import fhir

_HEADERS = {
    "content-type": "application/x-www-form-urlencoded",
    "accept": "application/fhir+json",
    "prefer": "handling=strict",  # else a server passes over what it does not know, and gives everybody's
}
_NUMBER = re.compile(r"[A-Za-z0-9-]{1,40}", re.ASCII)
_NIC = re.compile(r"[0-9]{12}", re.ASCII)


class Health(BaseAdapter):
    """One question is one search. A certificate that the register does not have is an answer: not genuine."""

    def __init__(self, kit: Kit) -> None:
        super().__init__(kit)
        self._http = kit.http()
        form = {"client_id": kit.setting("client_id"), "client_secret": kit.setting("client_secret")}
        self._tokens = ClientCredentials(self._http, "/oauth2/token", {**form, "scope": fhir.SCOPE})

    async def ask(self, question: Question) -> RawAnswer:
        """Search for the certificate of this person; see `contract.Adapter.ask`."""
        service = self.service(question.service)
        certificate = question.subject.identifier("CERTIFICATE") or ""
        number = new_form(question.subject.identifier("NIC") or "")
        if not _NUMBER.fullmatch(certificate) or not _NIC.fullmatch(number):
            raise AgencyRejectedMessage("needs the number of a certificate and the person's NIC", code="identifier")
        content = urlencode(fhir.search(certificate, number)).encode()

        async def call(token: str) -> HttpAnswer:
            headers = {**_HEADERS, "authorization": f"Bearer {token}"}
            return await self._http.request("POST", "/DocumentReference/_search", headers=headers, content=content)

        answer = await self._tokens.authorised(call)
        if answer.status == 404:  # a search finds nothing or something: its address is wrong
            raise AgencyRejectedMessage("the register has no search at this address", code="404")
        if answer.status != 200:
            raise error_of(answer)
        bundle: Any = read_json(answer, service.answer_schema, self.kit.folder)
        found = fhir.matches(bundle)
        if any(each.certificate != certificate or each.person != number for each in found):
            raise AgencyAnswerMalformed("a certificate that was not asked about", code="identifier")
        return RawAnswer(_payload(found), as_of(service, question.as_at), code=str(answer.status))

    def parse(self, service: str, body: bytes) -> object:
        """The payload of a searchset Bundle: no more than is used of it.

        Raises:
            AgencyAnswerMalformed: not JSON, not a searchset, or more than one certificate.
        """
        try:
            bundle: Any = strict_json.loads(body)
        except strict_json.StrictError as error:
            raise AgencyAnswerMalformed(f"the answer is {error}") from None
        validator = answer_validator(self.kit.folder, self.service(service).answer_schema)
        if (fault := first_fault(validator, bundle)) is not None:
            raise AgencyAnswerMalformed(f"the answer breaks ./answer.json at {fault}")
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
