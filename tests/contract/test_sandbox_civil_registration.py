"""The civil registration agency answers and refuses as DCI and OpenCRVS do. Requests are raw bytes over a socket."""

import http.client
import json
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit
from uuid import uuid4

import jsonschema
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from sandbox.agencies.civil_registration import CivilRegistrationSettings, RecordIndex, build, make_settings
from sandbox.client_tokens import Client
from sandbox.faults import Faults
from sandbox.kept import Kept, rsa_private_key
from sandbox.loopback import serving
from sandbox.person import CivilRecord, Spelling

CONTRACT = json.loads((Path(__file__).parents[2] / "schemas/dci/crvs.json").read_text("utf-8"))
OPERATION = CONTRACT["operations"]["/registry/sync/search"]
NAMES = (Spelling("eng", "Latn", "Nimal", "Perera"), Spelling("sin", "Sinh", "නිමල්", "පෙරේරා"))
BORN = date(1985, 5, 2)
LIVING = CivilRecord("B000001", "198512304567", BORN, NAMES, "male", "LK-11")
DEAD = CivilRecord("B000002", "195512304567", date(1955, 5, 2), NAMES, "male", "LK-12", date(2026, 9, 30), "D000002")
UNNUMBERED = replace(
    DEAD, birth_registration="B000003", nic="198512304568", birth_date=BORN, death_registration="D000003",
    death_has_nic=False,
)  # fmt: skip
BIRTH, DEATH = "ocrvs:registry_type:birth", "ocrvs:registry_type:death"


@dataclass
class Answer:
    status: int
    body: Any


@dataclass
class Agency:
    """A running agency, its settings, and a bearer token for its client."""

    url: str
    settings: CivilRegistrationSettings
    faults: Faults
    token: str = ""

    def send(self, method: str, target: str, body: bytes | None = None, **headers: str | None) -> Answer:
        address = urlsplit(self.url)
        sent = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"} | headers
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)
        try:
            connection.request(method, target, body, {name: value for name, value in sent.items() if value is not None})
            answer = connection.getresponse()
            raw = answer.read()
            return Answer(answer.status, json.loads(raw) if raw else None)
        finally:
            connection.close()

    def new_token(self, client_id: str = "", **form: str) -> Answer:
        client_id = client_id or self.settings.client_id
        secret = self.settings.clients[client_id].secret
        sent = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret} | form
        form_type = "application/x-www-form-urlencoded"
        return self.send("POST", "/oauth2/client/token", urlencode(sent).encode(), **{"Content-Type": form_type})


def started(url: str, settings: CivilRegistrationSettings, faults: Faults) -> Agency:
    agency = Agency(url, settings, faults)
    agency.token = agency.new_token().body["access_token"]
    return agency


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> CivilRegistrationSettings:
    made = make_settings("http://127.0.0.1", tmp_path_factory.mktemp("civil"))
    return replace(made, clients={**made.clients, "narrow": Client("narrow-secret", frozenset({"health"}))})


@pytest.fixture(scope="module")
def running(settings: CivilRegistrationSettings) -> Iterator[Agency]:
    faults = Faults()
    with serving(build(RecordIndex([LIVING, DEAD, UNNUMBERED]), settings, faults)) as url:
        yield started(url, settings, faults)


@pytest.fixture
def agency(running: Agency) -> Iterator[Agency]:
    yield running
    running.faults.clear()


def base64url(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def compact(payload: object, key: str, alg: str = "RS256") -> str:
    signed = f"{base64url(json.dumps({'alg': alg}).encode())}.{base64url(json.dumps(payload).encode())}"
    signature = rsa_private_key(key).sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{signed}.{base64url(signature)}"


def by_id(kind: str, value: object, reg_type: str = DEATH, **more: object) -> dict[str, object]:
    return {"reg_type": reg_type, "query_type": "idtype-value", "query": {"type": kind, "value": value}} | more


def by_predicate(*query: object, reg_type: str = DEATH) -> dict[str, object]:
    return {"reg_type": reg_type, "query_type": "predicate", "query": list(query)}


def attribute(name: str, operator: str, value: object) -> dict[str, object]:
    return {"attribute_name": name, "operator": operator, "attribute_value": value}


@dataclass
class Call:
    """One envelope with every part open to be made wrong."""

    agency: Agency
    criteria: list[dict[str, object]] = field(default_factory=lambda: [by_id("NID", DEAD.nic)])
    header: dict[str, object] = field(default_factory=dict)
    references: list[str] = field(default_factory=list)
    signature: str | None = None
    key: str = ""
    signs: dict[str, object] | None = None

    def envelope(self) -> dict[str, object]:
        now = datetime.now(UTC).isoformat()
        header = {
            "version": "1.0.0",
            "message_id": str(uuid4()),
            "message_ts": now,
            "action": "search",
            "sender_id": self.agency.settings.sender_id,
            "total_count": len(self.criteria),
        } | self.header
        references = self.references or [f"r{n}" for n in range(len(self.criteria))]
        requests = [
            {"reference_id": reference, "timestamp": now, "search_criteria": one, "locale": "eng"}
            for reference, one in zip(references, self.criteria, strict=True)
        ]
        return {"header": header, "message": {"transaction_id": "t1", "search_request": requests}}

    def send(self) -> Answer:
        envelope = self.envelope()
        signature = self.signature
        if signature is None:
            signature = compact(self.signs or envelope, self.key or self.agency.settings.signing_key)
        body = json.dumps(({"signature": signature} if signature else {}) | envelope).encode()
        return self.agency.send("POST", "/registry/sync/search", body)

    def items(self) -> list[dict[str, Any]]:
        """Send, check the answer's schema and signature, return the items."""
        answer = self.send()
        assert answer.status == 200, answer.body
        jsonschema.Draft4Validator(OPERATION["responses"]["default"]).validate(answer.body)
        check_signature(self.agency, answer.body)
        assert answer.body["header"]["status"] == "succ"
        items = answer.body["message"]["search_response"]
        assert isinstance(items, list)
        return items

    def persons(self) -> list[dict[str, Any]]:
        (item,) = self.items()
        assert item["status"] == "succ"
        records = item["data"]["reg_records"]
        assert isinstance(records, list)
        return records

    def rejected(self) -> str:
        """The reason in the header."""
        answer = self.send()
        assert answer.status == 200
        jsonschema.Draft4Validator(OPERATION["responses"]["default"]).validate(answer.body)
        check_signature(self.agency, answer.body)
        assert answer.body["header"]["status"] == "rjct"
        assert "message" not in answer.body
        return str(answer.body["header"]["status_reason_code"])

    def rejected_item(self) -> str:
        (item,) = self.items()
        assert item["status"] == "rjct"
        assert "data" not in item
        return str(item["status_reason_code"])


def check_signature(agency: Agency, envelope: dict[str, object]) -> None:
    (jwk,) = agency.send("GET", "/.well-known/jwks.json").body["keys"]
    unpadded = {name: int.from_bytes(urlsafe_b64decode(jwk[name] + "=="), "big") for name in ("n", "e")}
    key = rsa.RSAPublicNumbers(unpadded["e"], unpadded["n"]).public_key()
    protected, payload, signature = str(envelope["signature"]).split(".")
    key.verify(
        urlsafe_b64decode(signature + "=="), f"{protected}.{payload}".encode(), padding.PKCS1v15(), hashes.SHA256()
    )
    header = json.loads(urlsafe_b64decode(protected + "=="))
    assert (header["alg"], header["kid"]) == ("RS256", jwk["kid"])
    assert json.loads(urlsafe_b64decode(payload + "==")) == {
        member: value for member, value in envelope.items() if member != "signature"
    }


def error(answer: Answer) -> tuple[int, str]:
    """Status and code of a whole message that was not processed, in both published shapes."""
    acknowledgement = answer.body["message"]
    assert acknowledgement["ack_status"] == "ERR"
    assert {"timestamp", "correlation_id"} <= set(acknowledgement)
    assert answer.body["errors"] == [acknowledgement["error"]]
    return answer.status, acknowledgement["error"]["code"]


def test_a_death_is_found_by_national_number(agency: Agency) -> None:
    assert Call(agency).persons() == [
        {
            "identifier": [
                {"identifier_type": "DRN", "identifier_value": "D000002"},
                {"identifier_type": "NID", "identifier_value": "195512304567"},
            ],
            "name": {"given_name": "Nimal", "surname": "Perera"},
            "sex": "male",
            "birth_date": "1955-05-02",
            "death_date": "2026-09-30",
            "birth_place": {"identifier": "ocrvs:LK-12"},
        }
    ]


def test_the_living_and_the_unknown_have_no_death(agency: Agency) -> None:
    items = Call(agency, [by_id("NID", LIVING.nic), by_id("NID", "199900000000")]).items()
    assert [(item["status"], item["data"]["reg_records"]) for item in items] == [("succ", []), ("succ", [])]
    assert [item["reference_id"] for item in items] == ["r0", "r1"]


def test_an_empty_item_can_be_left_out_as_the_bridge_does(settings: CivilRegistrationSettings) -> None:
    with serving(build(RecordIndex([DEAD]), replace(settings, omit_empty_items=True), Faults())) as url:
        agency = started(url, settings, Faults())
        criteria = [by_id("NID", LIVING.nic), by_id("NID", DEAD.nic), by_id("XYZ", "1")]
        assert [item["reference_id"] for item in Call(agency, criteria).items()] == ["r1", "r2"]


def test_a_birth_record_tells_no_death(agency: Agency) -> None:
    (person,) = Call(agency, [by_id("NID", DEAD.nic, BIRTH)]).persons()
    assert "death_date" not in person
    assert person["identifier"][0] == {"identifier_type": "BRN", "identifier_value": "B000002"}


def test_registration_numbers_find_their_record(agency: Agency) -> None:
    assert len(Call(agency, [by_id("BRN", "B000001", BIRTH)]).persons()) == 1
    assert len(Call(agency, [by_id("DRN", "D000003")]).persons()) == 1


def test_a_death_without_number_is_found_by_birth_date_only_and_shows_none(agency: Agency) -> None:
    assert Call(agency, [by_id("NID", UNNUMBERED.nic)]).persons() == []
    born = {"expression1": attribute("birthdate", "eq", BORN.isoformat())}
    (person,) = Call(agency, [by_predicate(born)]).persons()
    assert person["identifier"] == [{"identifier_type": "DRN", "identifier_value": "D000003"}]
    assert person["name"] == {"given_name": "Nimal", "surname": "Perera"}


@pytest.mark.parametrize(
    ("low", "high", "found"),
    [
        (("ge", "1985-05-02"), ("le", "1985-05-02"), 2),
        (("gt", "1985-05-01"), ("lt", "1985-05-03"), 2),
        (("gt", "1985-05-02"), ("lt", "1985-05-10"), 0),
        (("ge", "1985-05-01"), ("lt", "1985-05-02"), 0),
        (("ge", "1985-05-03"), ("le", "1985-05-01"), 0),
    ],
)
def test_bounds_on_the_birth_date(agency: Agency, low: tuple[str, str], high: tuple[str, str], found: int) -> None:
    query = {
        "seq_num": 1,
        "expression1": attribute("birthdate", *low),
        "condition": "and",
        "expression2": attribute("birthdate", *high),
    }
    assert len(Call(agency, [by_predicate(query, reg_type=BIRTH)]).persons()) == found


def test_the_birth_place_narrows(agency: Agency) -> None:
    def born_in(place: str) -> dict[str, object]:
        return {
            "expression1": attribute("birthdate", "eq", BORN.isoformat()),
            "condition": "and",
            "expression2": attribute("birthplace", "eq", place),
        }

    (person,) = Call(agency, [by_predicate(born_in("LK-11"), reg_type=BIRTH)]).persons()
    assert person["identifier"][0]["identifier_value"] == "B000001"
    assert Call(agency, [by_predicate(born_in("LK-13"), reg_type=BIRTH)]).persons() == []


def test_pages(agency: Agency) -> None:
    born = {"expression1": attribute("birthdate", "eq", BORN.isoformat())}
    for number, expected in ((1, "B000001"), (2, "B000003")):
        criteria = by_predicate(born, reg_type=BIRTH) | {"pagination": {"page_size": 1, "page_number": number}}
        (item,) = Call(agency, [criteria]).items()
        assert item["pagination"] == {"page_size": 1, "page_number": number, "total_count": 2}
        (person,) = item["data"]["reg_records"]
        assert person["identifier"][0]["identifier_value"] == expected


EQ = attribute("birthdate", "eq", "1985-05-02")


@pytest.mark.parametrize(
    "criteria",
    [
        by_id("NID", "1", "ocrvs:registry_type:marriage"),
        by_id("NID", "1", "ns:org:RegistryType:Civil"),
        by_id("UIN", "195512304567"),
        by_id("BRN", "B000001", DEATH),
        by_id("DRN", "D000002", BIRTH),
        by_id("NID", True),
        {"reg_type": DEATH, "query_type": "expression", "query": {"type": "x", "value": {"expression": {}}}},
        {"reg_type": DEATH, "query_type": "graphql", "query": {"type": "x", "value": "{}"}},
        {"reg_type": DEATH, "query_type": "predicate", "query": {"type": "NID", "value": "1"}},
        by_predicate(),
        by_predicate({"expression1": EQ, "condition": "or", "expression2": EQ}),
        by_predicate({"expression1": EQ, "condition": "not", "expression2": EQ}),
        by_predicate({"expression1": EQ, "expression2": EQ}),
        by_predicate({"expression1": attribute("birthdate", "in", "1985-05-02")}),
        by_predicate({"expression1": attribute("birthdate", "eq", "02/05/1985")}),
        by_predicate({"expression1": attribute("birthdate", "eq", True)}),
        by_predicate({"expression1": attribute("name", "eq", "Nimal")}),
        by_predicate({"expression1": attribute("birthplace", "eq", "LK-11")}),
        by_predicate({"expression1": attribute("birthdate", "ge", "1985-05-02")}),
    ],
)
def test_criteria_the_register_cannot_answer_reject_the_item(agency: Agency, criteria: dict[str, object]) -> None:
    assert Call(agency, [criteria]).rejected_item() == "rjct.search_criteria.invalid"


def test_too_wide_a_search_rejects_the_item(agency: Agency) -> None:
    query = {
        "expression1": attribute("birthdate", "ge", "1900-01-01"),
        "condition": "and",
        "expression2": attribute("birthdate", "le", "2026-01-01"),
    }
    assert Call(agency, [by_predicate(query)]).rejected_item() == "rjct.search.too_many_records_found"


@pytest.mark.parametrize(
    "pagination",
    [{"page_size": 0}, {"page_size": -1}, {"page_size": 1.5}, {"page_size": 1001}, {"page_size": 1, "page_number": 0}],
)
def test_a_page_that_cannot_be_rejects_the_item(agency: Agency, pagination: dict[str, object]) -> None:
    criteria = by_id("NID", DEAD.nic, pagination=pagination)
    assert Call(agency, [criteria]).rejected_item() == "rjct.pagination.invalid"


def test_a_repeated_reference_rejects_that_item_only(agency: Agency) -> None:
    items = Call(agency, [by_id("NID", DEAD.nic)] * 2, references=["same", "same"]).items()
    assert [item["status"] for item in items] == ["succ", "rjct"]
    assert items[1]["status_reason_code"] == "rjct.reference_id.duplicate"


def test_a_duplicate_message_id_is_rejected(agency: Agency) -> None:
    header: dict[str, object] = {"message_id": "once"}
    Call(agency, header=header).items()
    assert Call(agency, header=header).rejected() == "rjct.message_id.duplicate"


@pytest.mark.parametrize("count", [0, 2, 99])
def test_a_wrong_total_count_is_rejected(agency: Agency, count: int) -> None:
    assert Call(agency, header={"total_count": count}).rejected() == "rjct.total_count.invalid"


def test_another_protocol_version_is_rejected(agency: Agency) -> None:
    assert Call(agency, header={"version": "2.0.0"}).rejected() == "rjct.version.invalid"


@pytest.mark.parametrize("minutes", [-6, 6])
def test_a_message_of_another_time_is_rejected(agency: Agency, minutes: int) -> None:
    moment = (datetime.now(UTC) + timedelta(minutes=minutes)).isoformat()
    assert Call(agency, header={"message_ts": moment}).rejected() == "rjct.message_ts.invalid"


def test_an_unsigned_message_is_refused(agency: Agency) -> None:
    assert error(Call(agency, signature="").send()) == (401, "err.signature.missing")


@pytest.mark.parametrize("signature", ["x", "a.b.c", "e30.e30.e30"])
def test_a_signature_that_is_none_is_refused(agency: Agency, signature: str) -> None:
    assert error(Call(agency, signature=signature).send()) == (401, "err.signature.invalid")


def test_a_signature_over_another_message_is_refused(agency: Agency) -> None:
    assert error(Call(agency, signs=Call(agency).envelope()).send()) == (401, "err.signature.invalid")


def test_a_signature_by_another_key_is_refused(agency: Agency, tmp_path: Path) -> None:
    assert error(Call(agency, key=Kept(tmp_path).rsa_key("other")).send()) == (401, "err.signature.invalid")


def test_an_unsigned_message_passes_where_the_sender_need_not_sign(settings: CivilRegistrationSettings) -> None:
    with serving(build(RecordIndex([DEAD]), replace(settings, must_sign=False), Faults())) as url:
        assert len(Call(started(url, settings, Faults()), signature="").persons()) == 1


def test_an_unknown_sender_is_refused(agency: Agency) -> None:
    assert error(Call(agency, header={"sender_id": "somebody"}).send()) == (401, "err.sender_id.invalid")


def test_an_encrypted_message_is_refused(agency: Agency) -> None:
    assert error(Call(agency, header={"is_msg_encrypted": True}).send()) == (400, "err.encryption.invalid")


@pytest.mark.parametrize(
    "header",
    [
        {"message_id": None},
        {"message_ts": "yesterday"},
        {"action": "on-search"},
        {"total_count": "1"},
        {"sender_uri": "::"},
    ],
)
def test_an_envelope_outside_the_schema_is_refused(agency: Agency, header: dict[str, object]) -> None:
    assert error(Call(agency, header=header).send()) == (400, "err.request.bad")


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b'{"a":1,"a":2}', b'{"a":NaN}', b"[" * 1000, b'{"a":"\\ud800"}'])
def test_bytes_that_are_no_strict_json_object_are_refused(agency: Agency, raw: bytes) -> None:
    assert error(agency.send("POST", "/registry/sync/search", raw)) == (400, "err.request.bad")


def test_media_type_and_size_are_checked(agency: Agency) -> None:
    plain = {"Content-Type": "text/plain"}
    assert error(agency.send("POST", "/registry/sync/search", b"{}", **plain)) == (415, "err.request.bad")
    large = b" " * (1024 * 1024 + 1)
    assert error(agency.send("POST", "/registry/sync/search", large)) == (413, "err.request.bad")


@pytest.mark.parametrize("authorization", [None, "Bearer x", "Basic eDp5"])
def test_no_token_and_a_bad_token_are_refused(agency: Agency, authorization: str | None) -> None:
    answer = agency.send("POST", "/registry/sync/search", b"{}", Authorization=authorization)
    assert error(answer) == (401, "err.request.unauthorized")


def test_an_expired_token_is_refused(settings: CivilRegistrationSettings) -> None:
    with serving(build(RecordIndex([]), replace(settings, token_valid_s=0), Faults())) as url:
        assert error(Call(started(url, settings, Faults())).send()) == (401, "err.request.unauthorized")


def test_a_token_without_the_scope_is_forbidden(agency: Agency) -> None:
    bearer = f"Bearer {agency.new_token('narrow').body['access_token']}"
    for method, target in (("POST", "/registry/sync/search"), ("GET", "/webhooks"), ("POST", "/webhooks")):
        assert error(agency.send(method, target, b"{}", Authorization=bearer)) == (403, "err.request.forbidden")


def test_a_token_is_also_given_by_query_as_opencrvs_1_does(agency: Agency) -> None:
    secret = agency.settings.clients[agency.settings.client_id].secret
    query = {"grant_type": "client_credentials", "client_id": agency.settings.client_id, "client_secret": secret}
    answer = agency.send("POST", f"/oauth2/client/token?{urlencode(query)}", b"", **{"Content-Type": None})
    assert answer.status == 200
    assert answer.body["expires_in"] == 600
    assert agency.send("POST", "/oauth2/client/token", b"x" * 10_000).status == 413


def test_no_refusal_repeats_what_was_sent_about_the_person(agency: Agency) -> None:
    for call in (
        Call(agency, [by_id("UIN", "195512304567")]),
        Call(agency, signature="x"),
        Call(agency, header={"action": "195512304567"}),
    ):
        assert "195512304567" not in json.dumps(call.send().body).replace("on-search", "")


def test_faults_on_demand(agency: Agency) -> None:
    agency.faults.set("refuse")
    assert error(Call(agency).send()) == (403, "err.request.forbidden")
    agency.faults.set("wrong_schema")
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft4Validator(OPERATION["responses"]["default"]).validate(Call(agency).send().body)
    agency.faults.set("slow", seconds=0.2, times=1)
    start = time.monotonic()
    assert len(Call(agency, signature=None).persons()) == 1
    assert time.monotonic() - start >= 0.2


def test_the_key_set_shows_public_keys_only(agency: Agency) -> None:
    (jwk,) = agency.send("GET", "/.well-known/jwks.json", Authorization=None).body["keys"]
    assert set(jwk) == {"kty", "n", "e", "kid", "use", "alg"}


def test_a_tampered_answer_would_be_noticed(agency: Agency) -> None:
    body = Call(agency).send().body
    signed = body["signature"].rpartition(".")[0]
    with pytest.raises(InvalidSignature):
        check_signature(agency, body | {"signature": f"{signed}.{base64url(b'0' * 256)}"})
    with pytest.raises(AssertionError):
        check_signature(agency, body | {"header": {}})


def test_settings_are_made_once_and_kept(tmp_path: Path) -> None:
    first = make_settings("http://127.0.0.1:1", tmp_path)
    assert make_settings("http://127.0.0.1:1", tmp_path) == first
    assert set(first.exported()) == {
        f"CIVIL_REGISTRATION_{name}"
        for name in ("URL", "CLIENT_ID", "CLIENT_SECRET", "SIGNING_KEY", "SENDER_ID", "HOOK_SECRET", "PER_DAY")
    }
