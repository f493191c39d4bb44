"""The two endpoints. Each step either passes or raises `Refused`; every refusal is an HTTP 200, as IDA answers."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

import orjson
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from sandbox import strict
from sandbox.faults import Faults, Faulty, WrongAnswers
from sandbox.kept import rsa_private_key
from sandbox.person import NationalIdRecord

from . import matching, sealing
from .errors import IdaError, Refused, refused
from .settings import DATE_FORMATS, NationalIdSettings

_STRINGS = [
    "id",
    "version",
    "individualId",
    "individualIdType",
    "transactionID",
    "requestTime",
    "specVersion",
    "thumbprint",
    "domainUri",
    "env",
    "requestHMAC",
    "requestSessionKey",
    "request",
]
_OTHERS: dict[str, type] = {"requestedAuth": dict, "consentObtained": bool, "metadata": dict}
_UIN = re.compile(r"[0-9]{12}")
_TRANSACTION = re.compile(r"[A-Za-z0-9]{10}")
_VERSIONS = {"1.0", "v1"}  # both are in the public documentation


class Records(Protocol):
    """The part of the population's registers this agency reads."""

    def national_id_by_nic(self, nic: str) -> NationalIdRecord | None:
        """The record under this 12-digit number."""


@dataclass(frozen=True, slots=True)
class _Agency:
    records: Records
    settings: NationalIdSettings
    partner: x509.Certificate
    ida: x509.Certificate
    key: RSAPrivateKey
    now: Callable[[], datetime]


def build(
    records: Records,
    settings: NationalIdSettings,
    faults: Faults,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Starlette:
    """The agency as an ASGI app, to be mounted where `settings.url` points."""
    agency = _Agency(
        records,
        settings,
        x509.load_pem_x509_certificate(settings.partner_cert.encode()),
        x509.load_pem_x509_certificate(settings.ida_cert.encode()),
        rsa_private_key(settings.ida_key),
        now,
    )

    async def endpoint(request: Request) -> Response:
        return await _answer(agency, request)

    path = "/idauthentication/v1/{kind:str}/{misp}/{partner}/{api_key}"
    wrong = WrongAnswers(
        media_type="application/json",
        wrong_schema=b'{"id":"mosip.identity.auth","version":"1.0","response":[],"errors":{}}',
        refuse=lambda asked: _failure("kyc" if "/kyc/" in asked else "auth", None, (IdaError("IDA-MPA-006", "demo"),)),
    )
    return Starlette(
        routes=[Route(path, endpoint, methods=["POST"])],
        middleware=[Middleware(Faulty, faults=faults, answers=wrong)],
    )


async def _answer(agency: _Agency, request: Request) -> Response:
    kind = request.path_params["kind"]
    if kind not in {"auth", "kyc"}:
        return PlainTextResponse("Not Found", 404)
    if not request.headers.get("authorization"):
        return PlainTextResponse("Unauthorized", 401)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        return PlainTextResponse("Unsupported Media Type", 415)
    try:
        raw = await strict.bounded(request.stream())
    except strict.BodyTooLarge:
        return PlainTextResponse("Payload Too Large", 413)
    body: Mapping[str, object] = {}
    try:
        body = _parsed(raw)
        _check_sender(agency, request, raw)
        return _success(kind, body, _checked(agency, kind, body))
    except Refused as refusal:
        return _failure(kind, body.get("transactionID"), refusal.errors)


def _parsed(raw: bytes) -> Mapping[str, object]:
    try:
        body = strict.loads(raw)
    except strict.NotStrictJson:
        raise refused("IDA-MLC-009", "request body") from None
    if not isinstance(body, dict):
        raise refused("IDA-MLC-009", "request body")
    return body


def _check_sender(agency: _Agency, request: Request, raw: bytes) -> None:
    """The signature first: nothing in the body is believed before. Then the three keys of the path."""
    sealing.verify_signature(request.headers.get("signature", ""), raw, agency.partner)
    settings, given = agency.settings, request.path_params
    if not secrets.compare_digest(given["misp"].encode(), settings.misp_key.encode()):
        raise refused("IDA-MPA-007")
    if given["partner"] != settings.partner_id:
        raise refused("IDA-MPA-009")
    if not secrets.compare_digest(given["api_key"].encode(), settings.api_key.encode()):
        raise refused("IDA-MPA-010")


def _checked(agency: _Agency, kind: str, body: Mapping[str, object]) -> dict[str, object]:
    """Everything between a signed body and the answer's `response` member."""
    members = _members(body, kind)
    block = _opened(agency, members)
    _check_time(agency, "requestTime", members["requestTime"])
    record_of = _individual(members)
    if body["consentObtained"] is not True:
        raise refused("IDA-MLC-012")
    demographics = _demographics(agency, block)
    attributes = _attributes(agency, body) if kind == "kyc" else frozenset[str]()
    record = agency.records.national_id_by_nic(record_of)
    if record is None:
        raise refused("IDA-MLC-018", "UIN")
    if record.deactivated:
        raise refused("IDA-MLC-003")
    dob_format = DATE_FORMATS[agency.settings.dob_format]
    if found := matching.mismatches(demographics, record, dob_format):
        raise Refused(*found)
    token = _auth_token(agency.settings, record.nic)
    if kind == "auth":
        return {"authStatus": True, "authToken": token}
    plain = orjson.dumps(matching.identity(record, attributes, dob_format))
    identity, session_key = sealing.seal(plain, agency.partner)
    thumbprint = sealing.thumbprint(agency.partner).hex()
    return {
        "kycStatus": True,
        "authToken": token,
        "identity": identity,
        "sessionKey": session_key,
        "thumbprint": thumbprint,
    }


def _members(body: Mapping[str, object], kind: str) -> dict[str, str]:
    for member in (*_STRINGS, *_OTHERS):
        if body.get(member) is None:
            raise refused("IDA-MLC-006", member)
        if not isinstance(body[member], _OTHERS.get(member, str)):
            raise refused("IDA-MLC-009", member)
    members = {member: str(body[member]) for member in _STRINGS}
    if members["id"] != f"mosip.identity.{kind}":
        raise refused("IDA-MLC-009", "id")
    for member in ("version", "specVersion"):
        if members[member] not in _VERSIONS:
            raise refused("IDA-MLC-009", member)
    if not _TRANSACTION.fullmatch(members["transactionID"]):
        raise refused("IDA-MLC-009", "transactionID")
    return members


def _opened(agency: _Agency, members: Mapping[str, str]) -> Mapping[str, object]:
    """Decrypt the block and prove that it is the one that was hashed."""
    try:
        sent = sealing.unbase64url(members["thumbprint"])
    except ValueError:
        raise refused("IDA-MLC-009", "thumbprint") from None
    if sent != sealing.thumbprint(agency.ida):
        raise refused("IDA-MPA-004")
    session_key = sealing.open_session_key(members["requestSessionKey"], agency.key)
    raw = sealing.open_block(members["request"], session_key)
    sealing.check_hash(members["requestHMAC"], session_key, raw)
    try:
        block = strict.loads(raw)
    except strict.NotStrictJson:
        raise refused("IDA-MLC-009", "request") from None
    if not isinstance(block, dict):
        raise refused("IDA-MLC-009", "request")
    return block


def _check_time(agency: _Agency, member: str, sent: object) -> None:
    try:
        moment = datetime.fromisoformat(str(sent))
    except ValueError:
        raise refused("IDA-MLC-009", member) from None
    if moment.tzinfo is None:
        raise refused("IDA-MLC-009", member)
    if abs((agency.now() - moment).total_seconds()) > agency.settings.skew_s:
        raise refused("IDA-MLC-001", str(agency.settings.skew_s))


def _individual(members: Mapping[str, str]) -> str:
    if members["individualIdType"] != "UIN":
        raise refused("IDA-MLC-015", members["individualIdType"] if members["individualIdType"] == "VID" else "unknown")
    if not _UIN.fullmatch(members["individualId"]):
        raise refused("IDA-MLC-002")
    return members["individualId"]


def _demographics(agency: _Agency, block: Mapping[str, object]) -> Mapping[str, object]:
    """The policy allows demographic data only; what is in the block decides, not `requestedAuth`."""
    _check_time(agency, "request timestamp", block.get("timestamp", ""))
    if block.get("otp"):
        raise refused("IDA-MPA-006", "otp Authentication")
    if block.get("biometrics"):
        raise refused("IDA-MPA-006", "bio Authentication")
    demographics = block.get("demographics")
    if not demographics:
        raise refused("IDA-MLC-008")
    if not isinstance(demographics, dict):
        raise refused("IDA-MLC-009", "demographics")
    if not any(demographics.values()):
        raise refused("IDA-MLC-008")
    return demographics


def _attributes(agency: _Agency, body: Mapping[str, object]) -> frozenset[str]:
    allowed = frozenset(agency.settings.attributes)
    asked = body.get("allowedKycAttributes")
    if asked is None:
        return allowed
    if not isinstance(asked, list) or not all(isinstance(name, str) for name in asked):
        raise refused("IDA-MLC-009", "allowedKycAttributes")
    if not allowed.issuperset(asked):
        raise refused("IDA-MPA-006", "KYC attribute")
    return frozenset(asked)


def _auth_token(settings: NationalIdSettings, nic: str) -> str:
    """36 digits, the same for the same partner and person, nothing to learn from without the secret."""
    message = f"{settings.partner_id}\n{nic}".encode()
    digest = hmac.new(settings.token_secret.encode(), message, hashlib.sha256).digest()
    return str(int.from_bytes(digest, "big") % 10**36).zfill(36)


def _success(kind: str, body: Mapping[str, object], response: dict[str, object]) -> Response:
    return _enveloped(kind, body["transactionID"], response, None)


def _failure(kind: str, transaction: object, errors: tuple[IdaError, ...]) -> Response:
    response: dict[str, object] = {f"{kind}Status": False, "authToken": None}
    if kind == "kyc":
        response |= {"identity": None, "sessionKey": None, "thumbprint": None}
    shown = transaction if isinstance(transaction, str) and _TRANSACTION.fullmatch(transaction) else None
    return _enveloped(kind, shown, response, [error.wire() for error in errors])


def _enveloped(kind: str, transaction: object, response: object, errors: object) -> Response:
    moment = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return JSONResponse(
        {
            "id": f"mosip.identity.{kind}",
            "version": "1.0",
            "responseTime": moment,
            "transactionID": transaction,
            "response": response,
            "errors": errors,
        }
    )
