"""The national ID agency refuses what MOSIP IDA refuses. Every request is raw bytes over a socket."""

import hashlib
import http.client
import json
import os
from base64 import b64encode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import jsonschema
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sandbox.agencies.national_id import NationalIdSettings, build, make_settings
from sandbox.faults import Faults
from sandbox.kept import Kept, rsa_private_key
from sandbox.loopback import serving
from sandbox.person import NationalIdRecord, Spelling

SCHEMAS = Path(__file__).parents[2] / "schemas/agency/mosip-ida"
NAMES = (
    Spelling("eng", "Latn", "Nimal Kumara", "Perera"),
    Spelling("sin", "Sinh", "නිමල් කුමාර", "පෙරේරා"),
    Spelling("tam", "Taml", "நிமல் குமார", "பெரேரா"),
)
LIVING = NationalIdRecord("198512304567", date(1985, 5, 2), NAMES, "male")
DEAD = NationalIdRecord("195512304567", date(1955, 5, 2), NAMES[:1], "male", death_date=date(2026, 9, 30))
CLOSED = NationalIdRecord("197012304567", date(1970, 5, 2), NAMES[:1], "male", deactivated=True)
OAEP_SHA256 = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
OAEP_SHA1 = padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)


class Registers:
    def __init__(self, *records: NationalIdRecord) -> None:
        self._records = {record.nic: record for record in records}

    def national_id_by_nic(self, nic: str) -> NationalIdRecord | None:
        return self._records.get(nic)


@dataclass
class Agency:
    """A running agency and what its partner was given."""

    url: str
    settings: NationalIdSettings
    faults: Faults


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> NationalIdSettings:
    return make_settings("http://127.0.0.1", tmp_path_factory.mktemp("national_id"))


@pytest.fixture(scope="module")
def running(settings: NationalIdSettings) -> Iterator[Agency]:
    faults = Faults()
    with serving(build(Registers(LIVING, DEAD, CLOSED), settings, faults)) as url:
        yield Agency(url, settings, faults)


@pytest.fixture
def agency(running: Agency) -> Iterator[Agency]:
    yield running
    running.faults.clear()


def base64url(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def encrypt(plain: bytes, key: bytes) -> str:
    iv = os.urandom(16)
    return base64url(AESGCM(key).encrypt(iv, plain, None) + iv)


@dataclass
class Call:
    """One request with every part open to be made wrong."""

    agency: Agency
    kind: str = "auth"
    nic: str = LIVING.nic
    demographics: object = field(
        default_factory=lambda: {"name": [{"language": "eng", "value": "Nimal Kumara Perera"}]}
    )
    block: dict[str, object] = field(default_factory=dict)
    members: dict[str, object] = field(default_factory=dict)
    without: str = ""
    oaep: padding.OAEP = field(default_factory=lambda: OAEP_SHA256)
    hashed: bytes | None = None
    key_bytes: int = 32
    path: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    tampered: bool = False

    def body(self) -> bytes:
        settings = self.agency.settings
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        block = {"biometrics": [], "demographics": self.demographics, "otp": "", "timestamp": now, **self.block}
        plain = json.dumps(block, ensure_ascii=False, separators=(",", ":")).encode()
        certificate = x509.load_pem_x509_certificate(settings.ida_cert.encode())
        key = os.urandom(self.key_bytes)
        public = certificate.public_key()
        assert isinstance(public, rsa.RSAPublicKey)
        digest = hashlib.sha256(plain).hexdigest().upper().encode() if self.hashed is None else self.hashed
        members = {
            "id": f"mosip.identity.{self.kind}",
            "version": "1.0",
            "individualId": self.nic,
            "individualIdType": "UIN",
            "transactionID": "1234567890",
            "requestTime": now,
            "specVersion": "1.0",
            "thumbprint": base64url(certificate.fingerprint(hashes.SHA256())),
            "domainUri": "https://ida.example",
            "env": "Staging",
            "requestedAuth": {"demo": True, "pin": False, "otp": False, "bio": False},
            "consentObtained": True,
            "requestHMAC": encrypt(digest, key),
            "requestSessionKey": base64url(public.encrypt(key, self.oaep)),
            "request": encrypt(plain, key),
            "metadata": {},
            **self.members,
        }
        members.pop(self.without, None)
        return json.dumps(members, separators=(",", ":")).encode()

    def send(self) -> dict[str, object]:
        """Send, and check the envelope of every answer."""
        body = self.body()
        headers = {"Signature": signature(body, self.agency.settings), **self.headers}
        status, answer = post(
            self.agency,
            self.kind,
            body.replace(b"Staging", b"staging") if self.tampered else body,
            headers,
            **self.path,
        )
        assert status == 200, answer
        found = json.loads(answer)
        jsonschema.validate(found, json.loads((SCHEMAS / "answer.schema.json").read_text("utf-8")))
        assert isinstance(found, dict)
        return found


def signature(
    body: bytes, settings: NationalIdSettings, *, key: str = "", x5c: list[str] | None = None, alg: str = "RS256"
) -> str:
    certificate = x509.load_pem_x509_certificate(settings.partner_cert.encode())
    der = b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()
    protected = base64url(json.dumps({"alg": alg, "x5c": [der] if x5c is None else x5c}).encode())
    signed = f"{protected}.{base64url(body)}".encode()
    signer = rsa_private_key(key or settings.partner_key)
    return f"{protected}..{base64url(signer.sign(signed, padding.PKCS1v15(), hashes.SHA256()))}"


def post(agency: Agency, kind: str, body: bytes, headers: dict[str, str], **path: str) -> tuple[int, bytes]:
    settings = agency.settings
    keys = {"misp": settings.misp_key, "partner": settings.partner_id, "api_key": settings.api_key} | path
    address = urlsplit(agency.url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)
    try:
        target = f"/idauthentication/v1/{kind}/{keys['misp']}/{keys['partner']}/{keys['api_key']}"
        constant = {"Authorization": "Authorization", "Content-Type": "application/json"}
        connection.request("POST", target, body, {**constant, **headers})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def codes(answer: dict[str, object]) -> list[str]:
    errors = answer["errors"]
    assert isinstance(errors, list)
    response = answer["response"]
    assert isinstance(response, dict)
    assert response.get("authStatus", response.get("kycStatus")) is False
    assert not any(value for member, value in response.items() if not member.endswith("Status"))
    return [error["errorCode"] for error in errors]


def opened(answer: dict[str, object], settings: NationalIdSettings) -> dict[str, str]:
    response = answer["response"]
    assert isinstance(response, dict)
    assert response["kycStatus"] is True
    certificate = x509.load_pem_x509_certificate(settings.partner_cert.encode())
    assert response["thumbprint"] == certificate.fingerprint(hashes.SHA256()).hex()
    key = rsa_private_key(settings.partner_key).decrypt(urlsafe_b64decode(response["sessionKey"]), OAEP_SHA256)
    raw = urlsafe_b64decode(response["identity"])
    identity = json.loads(AESGCM(key).decrypt(raw[-16:], raw[:-16], None))
    jsonschema.validate(identity, json.loads((SCHEMAS / "kyc-identity.schema.json").read_text("utf-8")))
    assert isinstance(identity, dict)
    return identity


def test_yes_to_a_person_whose_names_match_in_every_language_sent(agency: Agency) -> None:
    names = [{"language": name.language, "value": f"  {name.full.upper()} "} for name in NAMES]
    answer = Call(
        agency, demographics={"name": names, "dob": "1985/05/02", "gender": [{"language": "eng", "value": "Male"}]}
    ).send()
    assert answer["errors"] is None
    assert answer["transactionID"] == "1234567890"
    response = answer["response"]
    assert isinstance(response, dict)
    assert response["authStatus"] is True
    assert set(response) == {"authStatus", "authToken"}


def test_the_token_is_the_same_for_the_same_person_and_says_nothing(agency: Agency) -> None:
    first, again = (Call(agency).send()["response"] for _ in range(2))
    other = Call(agency, nic=DEAD.nic).send()["response"]
    assert first == again
    assert first != other
    assert LIVING.nic not in json.dumps(first)


def test_kyc_answers_all_the_policy_allows_when_no_attribute_is_named(agency: Agency) -> None:
    identity = opened(Call(agency, kind="kyc").send(), agency.settings)
    assert identity == {
        "name_eng": "Nimal Kumara Perera",
        "name_sin": "නිමල් කුමාර පෙරේරා",
        "name_tam": "நிமல் குமார பெரேரா",
        "gender_eng": "Male",
        "dob": "1985/05/02",
    }


def test_kyc_answers_only_the_attributes_asked_for(agency: Agency) -> None:
    asked: dict[str, object] = {"allowedKycAttributes": ["dateOfBirth", "dateOfDeath"]}
    identity = opened(Call(agency, kind="kyc", nic=DEAD.nic, members=asked).send(), agency.settings)
    assert identity == {"dob": "1955/05/02", "dateOfDeath": "2026/09/30"}


def test_a_certificate_in_pem_as_the_public_sdk_sends_it_is_taken(agency: Agency) -> None:
    pem = b64encode(agency.settings.partner_cert.encode()).decode()
    wrapped = "\n".join(pem[start : start + 76] for start in range(0, len(pem), 76)) + "\n"
    call = Call(agency)
    body = call.body()
    status, answer = post(agency, "auth", body, {"Signature": signature(body, agency.settings, x5c=[wrapped])})
    assert status == 200
    assert json.loads(answer)["errors"] is None


def test_a_body_changed_after_signing_is_refused(agency: Agency) -> None:
    assert codes(Call(agency, tampered=True).send()) == ["IDA-MPA-001"]


@pytest.mark.parametrize("header", ["", "a.b.c", "..", "e30..e30", "x" * 20])
def test_a_signature_that_is_none_is_refused(agency: Agency, header: str) -> None:
    assert codes(Call(agency, headers={"Signature": header}).send()) == ["IDA-MPA-001"]


def test_a_signature_that_brings_its_own_payload_is_refused(agency: Agency) -> None:
    body = Call(agency).body()
    attached = signature(body, agency.settings).replace("..", f".{base64url(body)}.")
    _, answer = post(agency, "auth", body, {"Signature": attached})
    assert codes(json.loads(answer)) == ["IDA-MPA-001"]


def test_another_algorithm_is_refused(agency: Agency) -> None:
    call = Call(agency)
    status, answer = post(
        agency, "auth", body := call.body(), {"Signature": signature(body, agency.settings, alg="none")}
    )
    assert status == 200
    assert codes(json.loads(answer)) == ["IDA-MPA-001"]


def test_a_signature_without_certificate_is_refused(agency: Agency) -> None:
    body = Call(agency).body()
    _, answer = post(agency, "auth", body, {"Signature": signature(body, agency.settings, x5c=[])})
    assert codes(json.loads(answer)) == ["IDA-MPA-022"]


def test_an_unreadable_certificate_is_refused(agency: Agency) -> None:
    body = Call(agency).body()
    _, answer = post(agency, "auth", body, {"Signature": signature(body, agency.settings, x5c=["AAAA"])})
    assert codes(json.loads(answer)) == ["IDA-MPA-002"]


def test_a_valid_signature_by_another_certificate_is_refused(agency: Agency, tmp_path: Path) -> None:
    stranger = Kept(tmp_path)
    certificate = x509.load_pem_x509_certificate(stranger.certificate("other", common_name="other").encode())
    der = b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()
    body = Call(agency).body()
    forged = signature(body, agency.settings, key=stranger.rsa_key("other"), x5c=[der])
    _, answer = post(agency, "auth", body, {"Signature": forged})
    assert codes(json.loads(answer)) == ["IDA-MPA-021"]


def test_the_right_certificate_with_another_key_is_refused(agency: Agency, tmp_path: Path) -> None:
    body = Call(agency).body()
    forged = signature(body, agency.settings, key=Kept(tmp_path).rsa_key("other"))
    _, answer = post(agency, "auth", body, {"Signature": forged})
    assert codes(json.loads(answer)) == ["IDA-MPA-001"]


@pytest.mark.parametrize(
    ("part", "code"), [("misp", "IDA-MPA-007"), ("partner", "IDA-MPA-009"), ("api_key", "IDA-MPA-010")]
)
def test_a_wrong_key_in_the_path_is_refused(agency: Agency, part: str, code: str) -> None:
    assert codes(Call(agency, path={part: "wrong"}).send()) == [code]


def test_another_thumbprint_is_refused(agency: Agency) -> None:
    assert codes(Call(agency, members={"thumbprint": base64url(b"\0" * 32)}).send()) == ["IDA-MPA-004"]


def test_a_session_key_with_the_wrong_padding_is_refused(agency: Agency) -> None:
    assert codes(Call(agency, oaep=OAEP_SHA1).send()) == ["IDA-MPA-003"]


def test_a_session_key_of_128_bits_is_refused(agency: Agency) -> None:
    assert codes(Call(agency, key_bytes=16).send()) == ["IDA-MPA-003"]


@pytest.mark.parametrize("member", ["requestSessionKey", "request", "requestHMAC"])
@pytest.mark.parametrize("garbage", ["AAAA", "not base64!", base64url(b"\1" * 256)])
def test_what_does_not_decrypt_is_refused(agency: Agency, member: str, garbage: str) -> None:
    assert codes(Call(agency, members={member: garbage}).send()) == ["IDA-MPA-003"]


def test_a_block_that_is_not_the_one_hashed_is_refused(agency: Agency) -> None:
    assert codes(Call(agency, hashed=b"0" * 64).send()) == ["IDA-MPA-016"]


def test_a_hash_in_lower_case_is_refused(agency: Agency) -> None:
    block: dict[str, object] = {
        "biometrics": [],
        "demographics": {},
        "otp": "",
        "timestamp": datetime.now(UTC).isoformat(),
    }
    plain = json.dumps(block, ensure_ascii=False, separators=(",", ":")).encode()
    call = Call(agency, demographics={}, block=block, hashed=hashlib.sha256(plain).hexdigest().encode())
    assert codes(call.send()) == ["IDA-MPA-016"]


@pytest.mark.parametrize("minutes", [-6, 6])
def test_a_request_of_another_time_is_refused(agency: Agency, minutes: int) -> None:
    moment = (datetime.now(UTC) + timedelta(minutes=minutes)).isoformat(timespec="milliseconds")
    assert codes(Call(agency, members={"requestTime": moment}).send()) == ["IDA-MLC-001"]
    assert codes(Call(agency, block={"timestamp": moment}).send()) == ["IDA-MLC-001"]


@pytest.mark.parametrize("text", ["yesterday", "2026-10-31T10:00:00.000"])
def test_a_time_without_offset_is_refused(agency: Agency, text: str) -> None:
    assert codes(Call(agency, members={"requestTime": text}).send()) == ["IDA-MLC-009"]


def test_every_member_is_required(agency: Agency) -> None:
    for member in json.loads(Call(agency).body()):
        assert codes(Call(agency, without=member).send()) == ["IDA-MLC-006"], member


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("id", "mosip.identity.kyc"),
        ("version", "2"),
        ("transactionID", "12345"),
        ("consentObtained", "true"),
        ("requestedAuth", []),
        ("individualId", 198512304567),
    ],
)
def test_a_member_of_the_wrong_kind_is_refused(agency: Agency, member: str, value: object) -> None:
    assert codes(Call(agency, members={member: value}).send()) == ["IDA-MLC-009"]


def test_no_consent_is_refused(agency: Agency) -> None:
    assert codes(Call(agency, members={"consentObtained": False}).send()) == ["IDA-MLC-012"]


def test_a_vid_is_not_configured(agency: Agency) -> None:
    assert codes(Call(agency, members={"individualIdType": "VID"}).send()) == ["IDA-MLC-015"]


@pytest.mark.parametrize("nic", ["851234567V", "12345", "19851230456x", "１９８５１２３０４５６７"])
def test_an_id_that_is_not_twelve_digits_is_refused(agency: Agency, nic: str) -> None:
    assert codes(Call(agency, nic=nic).send()) == ["IDA-MLC-002"]


def test_an_unknown_person_and_a_deactivated_one_are_told_apart(agency: Agency) -> None:
    assert codes(Call(agency, nic="199912304567").send()) == ["IDA-MLC-018"]
    assert codes(Call(agency, nic=CLOSED.nic).send()) == ["IDA-MLC-003"]


@pytest.mark.parametrize(
    "demographics",
    [
        {"name": [{"language": "eng", "value": "Nimal Perera"}]},
        {"name": [{"language": "eng", "value": "Nimal Kumara Perera"}, {"language": "sin", "value": "නිමල්"}]},
        {"dob": "02/05/1985"},
        {"gender": [{"language": "eng", "value": "female"}]},
    ],
)
def test_one_difference_is_a_mismatch_and_kyc_tells_nothing(agency: Agency, demographics: object) -> None:
    assert codes(Call(agency, kind="kyc", demographics=demographics).send()) == ["IDA-DEA-001"]


@pytest.mark.parametrize(
    "demographics", [{"name": [{"language": "fra", "value": "Nimal"}]}, {"phoneNumber": "+94000000000"}, {"age": "41"}]
)
def test_what_the_register_does_not_hold_is_not_a_match(agency: Agency, demographics: object) -> None:
    assert codes(Call(agency, demographics=demographics).send()) == ["IDA-DEA-003"]


@pytest.mark.parametrize("demographics", [{}, {"name": [], "dob": ""}, None])
def test_nothing_to_check_is_refused(agency: Agency, demographics: object) -> None:
    assert codes(Call(agency, demographics=demographics).send()) == ["IDA-MLC-008"]


@pytest.mark.parametrize("demographics", [[1], {"name": "Nimal"}, {"name": [{"language": "eng"}]}])
def test_malformed_demographics_are_refused(agency: Agency, demographics: object) -> None:
    assert codes(Call(agency, demographics=demographics).send()) == ["IDA-MLC-009"]


@pytest.mark.parametrize("block", [{"otp": "123456"}, {"biometrics": [{"data": {}}]}])
def test_other_ways_of_authentication_are_not_in_the_policy(agency: Agency, block: dict[str, object]) -> None:
    assert codes(Call(agency, block=block).send()) == ["IDA-MPA-006"]


def test_an_attribute_outside_the_policy_is_refused(agency: Agency) -> None:
    asked: dict[str, object] = {"allowedKycAttributes": ["dateOfBirth", "photo"]}
    assert codes(Call(agency, kind="kyc", members=asked).send()) == ["IDA-MPA-006"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"a":1,"a":2}', b'{"a":NaN}', b"[" * 1000, b'{"a":"\xff"}'])
def test_bytes_that_are_no_json_object_are_refused(agency: Agency, body: bytes) -> None:
    status, answer = post(agency, "auth", body, {"Signature": signature(body, agency.settings)})
    assert status == 200
    assert codes(json.loads(answer)) == ["IDA-MLC-009"]


def test_http_itself_refuses_what_is_no_call(agency: Agency) -> None:
    assert post(agency, "otp", b"{}", {})[0] == 404
    assert post(agency, "auth", b"{}", {"Authorization": ""})[0] == 401
    assert post(agency, "auth", b"{}", {"Content-Type": "text/plain"})[0] == 415
    assert post(agency, "auth", b" " * (1024 * 1024 + 1), {})[0] == 413


def test_no_refusal_repeats_what_was_sent_about_the_person(agency: Agency) -> None:
    for call in (
        Call(agency, nic="199912304567"),
        Call(agency, demographics={"dob": "1985/05/03"}),
        Call(agency, nic="8512Z"),
    ):
        text = json.dumps(call.send())
        assert call.nic not in text
        assert "1985/05" not in text


def test_faults_on_demand(agency: Agency) -> None:
    agency.faults.set("down", times=1)
    body = Call(agency).body()
    assert post(agency, "auth", body, {})[0] == 503
    agency.faults.set("refuse")
    assert codes(Call(agency, kind="kyc").send()) == ["IDA-MPA-006"]
    agency.faults.set("garbled")
    status, answer = post(agency, "auth", body, {})
    with pytest.raises(UnicodeDecodeError):
        json.loads(answer)
    agency.faults.set("wrong_schema")
    status, answer = post(agency, "auth", body, {})
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(json.loads(answer), json.loads((SCHEMAS / "answer.schema.json").read_text("utf-8")))
    assert status == 200


def test_settings_are_made_once_and_kept(tmp_path: Path) -> None:
    first = make_settings("http://127.0.0.1:1", tmp_path)
    assert make_settings("http://127.0.0.1:1", tmp_path) == first
    assert first.exported()["NATIONAL_ID_DOB_FORMAT"] == "YYYY/MM/DD"
    assert all(path.stat().st_mode & 0o077 == 0 for path in tmp_path.iterdir())


def test_the_other_date_format_is_a_setting(settings: NationalIdSettings) -> None:
    other = replace(settings, dob_format="DD/MM/YYYY")
    with serving(build(Registers(LIVING), other, Faults())) as url:
        call = Call(Agency(url, other, Faults()), kind="kyc", demographics={"dob": "02/05/1985"})
        assert opened(call.send(), other)["dob"] == "02/05/1985"
