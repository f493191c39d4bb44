import hashlib
import json
import re
from base64 import b64decode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from adapters.kit.base import NotConfigured
from adapters.kit.contract import (
    AgencyAnswerMalformed,
    AgencyCannotTell,
    AgencyHasNoSuchPerson,
    AgencyRefused,
    AgencyRejectedMessage,
    AgencyUnavailable,
    Identifier,
    Name,
    Question,
    Subject,
)
from adapters.kit.opening import open_adapter
from adapters.kit.throwaway import placeholders

Agency = Callable[[object], Awaitable[object]]
SUBJECT = Subject(
    identifiers=(Identifier("NIC", "853400123V"),),
    names=(Name("eng", "Latn", "Nimal Perera"), Name("sin", "Sinh", "නිමල් පෙරේරා")),
    birth_date=date(1985, 12, 5),
)
OAEP = padding.OAEP(mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)


def question(*fields: str) -> Question:
    return Question("national_id.identity", SUBJECT, frozenset(fields), date(2026, 10, 31))


def decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def encoded(data: bytes) -> str:
    return urlsafe_b64encode(data).decode()


@dataclass
class Ida:
    """The other side of the wire, written from its description with the same key pair on both ends."""

    reply: type
    errors: object = None
    identity: object = None
    status: bool = True

    def __post_init__(self) -> None:
        self.key = load_pem_private_key(placeholders()["rsa_key"].encode(), None)
        self.certificate = x509.load_pem_x509_certificate(placeholders()["certificate"].encode())

    def opened(self, message: dict[str, Any]) -> tuple[dict[str, Any], str]:
        """The decrypted block and its decrypted hash."""
        key = self.key.decrypt(decoded(message["requestSessionKey"]), OAEP)
        block, digest = (decoded(message[name]) for name in ("request", "requestHMAC"))
        plain = AESGCM(key).decrypt(block[-16:], block[:-16], None)
        hashed = AESGCM(key).decrypt(digest[-16:], digest[:-16], None).decode()
        assert hashed == hashlib.sha256(plain).hexdigest().upper()
        return json.loads(plain), hashed

    def __call__(self, request: Any) -> object:
        message = request.json()
        kind = message["id"].rpartition(".")[2]
        response: dict[str, Any] = {f"{kind}Status": self.status, "authToken": None}
        if kind == "kyc":
            response |= {"identity": None, "sessionKey": None, "thumbprint": None}
        if self.identity is not None:
            key, iv = bytes(32), bytes(16)
            response["identity"] = encoded(AESGCM(key).encrypt(iv, json.dumps(self.identity).encode(), None) + iv)
            response["sessionKey"] = encoded(self.key.public_key().encrypt(key, OAEP))
            response["thumbprint"] = self.certificate.fingerprint(hashes.SHA256()).hex().upper()
        body = {
            "id": message["id"],
            "version": "1.0",
            "responseTime": "2026-10-31T10:00:00.000Z",
            "transactionID": message["transactionID"],
            "response": response,
            "errors": self.errors,
        }
        return self.reply(body=body)


def opened(server: Any, **more: str) -> Any:
    keys = placeholders()
    settings = {
        "NATIONAL_ID_URL": server.url,
        "NATIONAL_ID_MISP_KEY": "misp/key",
        "NATIONAL_ID_PARTNER_ID": "partner",
        "NATIONAL_ID_API_KEY": "api",
        "NATIONAL_ID_PARTNER_KEY": keys["rsa_key"],
        "NATIONAL_ID_PARTNER_CERT": keys["certificate"],
        "NATIONAL_ID_IDA_CERT": keys["certificate"],
        "NATIONAL_ID_DOB_FORMAT": "YYYY/MM/DD",
        **more,
    }
    return open_adapter(Path("adapters/national_id"), settings.__getitem__, server.dialler())


async def test_only_the_confirmation_is_a_yes_or_no_call(agency: Agency, reply: type) -> None:
    server = await agency(Ida(reply))
    adapter = opened(server)
    raw = await adapter.ask(question("confirmed"))
    (request,) = server.requests
    assert adapter.normalise("national_id.identity", raw) == {"confirmed": True}
    assert request.path == "/idauthentication/v1/auth/misp%2Fkey/partner/api"
    assert request.json()["id"] == "mosip.identity.auth"
    assert "allowedKycAttributes" not in request.json()


async def test_the_request_is_sealed_hashed_and_signed_as_the_wire_has_it(agency: Agency, reply: type) -> None:
    ida = Ida(reply)
    server = await agency(ida)
    await opened(server).ask(question("confirmed"))
    (request,) = server.requests
    message = request.json()
    block, _ = ida.opened(message)
    assert block["demographics"] == {
        "name": [{"language": "eng", "value": "Nimal Perera"}, {"language": "sin", "value": "නිමල් පෙරේරා"}]
    }
    assert message["individualId"] == "198534000123"
    assert message["thumbprint"] == encoded(ida.certificate.fingerprint(hashes.SHA256())).rstrip("=")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", message["requestTime"])
    assert re.fullmatch(r"\d{10}", message["transactionID"])
    assert message["consentObtained"] is True
    protected, payload, signature = request.headers["signature"].split(".")
    header = json.loads(decoded(protected))
    assert (payload, header["alg"]) == ("", "RS256")
    signer = x509.load_der_x509_certificate(b64decode(header["x5c"][0]))
    signed = f"{protected}.{encoded(request.body).rstrip('=')}".encode()
    signer.public_key().verify(decoded(signature), signed, padding.PKCS1v15(), hashes.SHA256())


async def test_the_birth_date_is_not_sent_and_nothing_personal_is_in_the_clear(agency: Agency, reply: type) -> None:
    ida = Ida(reply)
    server = await agency(ida)
    await opened(server).ask(question("confirmed"))
    block, _ = ida.opened(server.requests[0].json())
    assert "1985" not in json.dumps(block)
    assert b"Nimal" not in server.requests[0].body


async def test_more_fields_are_a_kyc_call_for_just_those(agency: Agency, reply: type) -> None:
    identity = {"name_eng": "Nimal Perera", "dob": "1985/12/05", "gender_eng": "Male"}
    server = await agency(Ida(reply, identity=identity))
    adapter = opened(server)
    raw = await adapter.ask(question("confirmed", "birth_date", "death_date"))
    assert server.requests[0].json()["allowedKycAttributes"] == ["dateOfBirth", "dateOfDeath"]
    assert server.requests[0].path.startswith("/idauthentication/v1/kyc/")
    assert adapter.normalise("national_id.identity", raw) == {
        "confirmed": True,
        "birth_date": "1985-12-05",
        "death_date": None,
    }


async def test_the_notation_of_dates_is_a_setting(agency: Agency, reply: type) -> None:
    server = await agency(Ida(reply, identity={"dob": "05/12/1985"}))
    adapter = opened(server, NATIONAL_ID_DOB_FORMAT="DD/MM/YYYY")
    raw = await adapter.ask(question("birth_date"))
    assert adapter.normalise("national_id.identity", raw)["birth_date"] == "1985-12-05"


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("IDA-MLC-018", AgencyHasNoSuchPerson),
        ("IDA-MLC-002", AgencyHasNoSuchPerson),
        ("IDA-DEA-001", AgencyCannotTell),
        ("IDA-MLC-003", AgencyRefused),
        ("IDA-MLC-012", AgencyRefused),
        ("IDA-MPA-006", AgencyRefused),
        ("IDA-MPA-016", AgencyRejectedMessage),
        ("IDA-MLC-009", AgencyRejectedMessage),
        ("IDA-MLC-001", AgencyRejectedMessage),
        ("IDA-MLC-007", AgencyUnavailable),
        ("IDA-XXX-999", AgencyRefused),
    ],
)
async def test_a_failure_inside_a_200_is_translated_by_code(
    agency: Agency, reply: type, code: str, error: type[Exception]
) -> None:
    errors = [{"errorCode": code, "errorMessage": "for 198534000123", "actionMessage": None}]
    server = await agency(Ida(reply, errors=errors, status=False))
    with pytest.raises(error) as caught:
        await opened(server).ask(question("confirmed"))
    assert type(caught.value) is error
    assert caught.value.code == code
    assert "1985" not in str(caught.value)


async def test_a_no_without_a_reason_is_not_a_yes(agency: Agency, reply: type) -> None:
    server = await agency(Ida(reply, status=False))
    with pytest.raises(AgencyCannotTell):
        await opened(server).ask(question("confirmed"))


def altered(ida: Ida, change: Callable[[dict[str, Any]], None]) -> Callable[[Any], object]:
    def handler(request: Any) -> object:
        answer = ida(request)
        change(answer.body)
        return answer

    return handler


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body.update(transactionID="0000000000"),
        lambda body: body["response"].update(thumbprint="00"),
        lambda body: body["response"].update(identity=encoded(bytes(64))),
        lambda body: body["response"].update(identity="AA"),
        lambda body: body["response"].update(sessionKey=encoded(bytes(256))),
        lambda body: body["response"].update(identity=None),
        lambda body: body.pop("errors"),
    ],
)
async def test_an_answer_that_is_not_ours_or_was_altered_is_malformed(
    agency: Agency, reply: type, change: Callable[[dict[str, Any]], None]
) -> None:
    server = await agency(altered(Ida(reply, identity={"dob": "1985/12/05"}), change))
    with pytest.raises(AgencyAnswerMalformed):
        await opened(server).ask(question("birth_date"))


async def test_a_person_without_number_or_name_is_not_asked_about(agency: Agency, reply: type) -> None:
    server = await agency(Ida(reply))
    adapter = opened(server)
    for subject in (Subject(names=SUBJECT.names), Subject(identifiers=SUBJECT.identifiers)):
        with pytest.raises(AgencyRejectedMessage):
            await adapter.ask(Question("national_id.identity", subject, frozenset(), date(2026, 10, 31)))
    assert server.requests == []


async def test_wrong_settings_are_told_when_the_adapter_is_opened(agency: Agency, reply: type) -> None:
    server = await agency(Ida(reply))
    for wrong in ({"NATIONAL_ID_DOB_FORMAT": "%d/%m/%Y"}, {"NATIONAL_ID_PARTNER_KEY": "secret"}):
        with pytest.raises(NotConfigured) as caught:
            opened(server, **wrong)
        assert "secret" not in str(caught.value)
