"""MOSIP IDA: yes or no when only the confirmation is asked for, else KYC with the attributes that are.

Source: `schemas/agency/mosip-ida/wire.md`. A failure is an HTTP 200 with `errors`.
"""

import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import orjson

import schemas
from adapters.kit import converters, strict_json
from adapters.kit.base import BaseAdapter, Kit, NotConfigured, as_of
from adapters.kit.codes import own_lists
from adapters.kit.contract import (
    AgencyAnswerMalformed,
    AgencyCannotTell,
    AgencyError,
    AgencyRejectedMessage,
    Question,
    RawAnswer,
    Service,
    Subject,
)
from adapters.kit.converters import ConverterError
from adapters.kit.fitting import check_fits
from adapters.kit.mapping import MappingError
from adapters.kit.meanings import ERRORS
from adapters.kit.nic import new_form
from adapters.kit.transports.rest import JSON, error_of, read_json

from .sealing import Keys, SealError

IDENTITY_SCHEMA = "agency/mosip-ida/kyc-identity.schema.json"
ATTRIBUTES = {"birth_date": "dateOfBirth", "death_date": "dateOfDeath", "names": "fullName", "sex": "gender"}
"""Canonical field -> identity-schema name, as attributes are asked."""
_SCRIPTS = {"eng": "Latn", "sin": "Sinh", "tam": "Taml"}
_DATES: Mapping[str, Callable[[object], str]] = {
    "YYYY/MM/DD": converters.date_ymd_slashes,
    "DD/MM/YYYY": converters.date_dmy_slashes,
}
_MEANINGS = own_lists(__file__)["error"]


class NationalId(BaseAdapter):
    """One question is one signed and encrypted call."""

    def __init__(self, kit: Kit, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        super().__init__(kit)
        self._now = now
        self._http = kit.http()
        try:
            self._keys = Keys(kit.setting("partner_key"), kit.setting("partner_cert"), kit.setting("ida_cert"))
        except SealError as error:
            raise NotConfigured(f"national_id: {error}") from None
        parts = (kit.setting("misp_key"), kit.setting("partner_id"), kit.setting("api_key"))
        self._path = "/".join(quote(part, safe="") for part in parts)
        self._domain = kit.setting("base_url")
        if kit.setting("dob_format") not in _DATES:
            raise NotConfigured(f"national_id: dob_format must be one of {', '.join(_DATES)}")
        self._read_date = _DATES[kit.setting("dob_format")]

    async def ask(self, question: Question) -> RawAnswer:
        """Confirm number and names together; with more fields than `confirmed`, read those attributes too.

        Raises:
            AgencyCannotTell: number and names do not belong together (IDA-DEA-001).
            AgencyError: by `errors[0].errorCode`, see the README's table.
        """
        service = self.service(question.service)
        asked = sorted(question.fields & ATTRIBUTES.keys())
        kind = "kyc" if asked else "auth"
        transaction = f"{secrets.randbelow(10**10):010}"
        body = orjson.dumps(self._message(kind, transaction, question.subject, asked))
        answer = await self._http.request(
            "POST",
            f"/idauthentication/v1/{kind}/{self._path}",
            headers={**JSON, "authorization": "Authorization", "signature": self._keys.sign(body)},
            content=body,
        )
        if answer.status != 200:
            raise error_of(answer)
        value: Any = read_json(answer, service.answer_schema)
        if value["errors"]:
            raise error_for(value["errors"][0]["errorCode"])
        if value["transactionID"] != transaction:
            raise AgencyAnswerMalformed("the answer belongs to another transaction")
        identity = self._identity(value["response"], kind)
        payload = {"confirmed": True, "asked": asked, "identity": identity}
        return RawAnswer(payload, as_of(service, question.as_at), code=f"{kind}Status")

    def mapped(self, service: Service, raw: RawAnswer) -> dict[str, object]:
        """The record holds what was asked for; the notation of dates is the deployment's."""
        payload: Any = raw.payload
        identity, asked = payload["identity"], service.fields.intersection(payload["asked"])
        record: dict[str, object] = {"confirmed": payload["confirmed"]}
        if "birth_date" in asked:
            record["birth_date"] = self._date("birth_date", "dob", identity)
        if "death_date" in asked:
            record["death_date"] = (
                self._date("death_date", "dateOfDeath", identity) if "dateOfDeath" in identity else None
            )
        if "names" in asked:
            record["names"] = _names(identity)
        if "sex" in asked:
            record["sex"] = converters.sex(identity.get("gender_eng", ""))
        return record

    def _message(self, kind: str, transaction: str, subject: Subject, asked: list[str]) -> dict[str, object]:
        number = subject.identifier("NIC")
        names = [{"language": name.language, "value": name.value} for name in subject.names]
        if number is None or not names:
            raise AgencyRejectedMessage("needs an identity number and a name", code="incomplete")
        time = self._now().isoformat(timespec="milliseconds")
        block = {"biometrics": [], "demographics": {"name": names}, "timestamp": time}
        sealed = self._keys.seal(orjson.dumps(block))
        message: dict[str, object] = {
            "id": f"mosip.identity.{kind}",
            "version": "1.0",
            "specVersion": "1.0",
            "individualId": new_form(number),
            "individualIdType": "UIN",
            "transactionID": transaction,
            "requestTime": time,
            "thumbprint": self._keys.ida_thumbprint,
            "domainUri": self._domain,
            "env": "Production",
            "requestedAuth": {"demo": True, "pin": False, "otp": False, "bio": False},
            "consentObtained": True,
            "requestHMAC": sealed.hmac,
            "requestSessionKey": sealed.session_key,
            "request": sealed.request,
            "metadata": {},
        }
        if asked:
            message["allowedKycAttributes"] = [ATTRIBUTES[field] for field in asked]
        return message

    def _identity(self, response: Mapping[str, Any], kind: str) -> object:
        if response.get(f"{kind}Status") is not True:
            raise AgencyCannotTell("number and names are not confirmed", code=f"{kind}Status")
        if kind == "auth":
            return {}
        if response["identity"] is None or response["sessionKey"] is None:
            raise AgencyAnswerMalformed("a confirmed answer without its identity block")
        if str(response["thumbprint"]).lower() != self._keys.partner_thumbprint:
            raise AgencyAnswerMalformed("the identity block is sealed to another certificate than ours")
        try:
            identity = strict_json.loads(self._keys.open(response["identity"], response["sessionKey"]))
        except (SealError, strict_json.StrictError) as error:
            raise AgencyAnswerMalformed(f"identity block: {error}") from None
        check_fits(identity, schemas.validator(IDENTITY_SCHEMA), f"the identity block breaks {IDENTITY_SCHEMA}")
        return identity

    def _date(self, field: str, member: str, identity: Mapping[str, object]) -> str:
        if member not in identity:
            raise MappingError(f"{field}: nothing at /identity/{member}")
        try:
            return self._read_date(identity[member])
        except ConverterError as error:
            raise MappingError(f"{field}: {error} at /identity/{member}") from None


def build(kit: Kit) -> NationalId:
    """Open the adapter."""
    return NationalId(kit)


def error_for(code: str) -> AgencyError:
    """One of IDA's error codes as one of our errors."""
    kind, _ = ERRORS[_MEANINGS.get(code, "refused_by_source")]
    return kind("the identity register does not confirm", code=code)


def _names(identity: Mapping[str, object]) -> list[dict[str, object]]:
    """`name_eng`, `name_sin`... as canonical names; a language without a script we know is left out."""
    return [
        {"language": key[5:], "script": _SCRIPTS[key[5:]], "value": value}
        for key, value in sorted(identity.items())
        if key.startswith("name_") and key[5:] in _SCRIPTS
    ]
