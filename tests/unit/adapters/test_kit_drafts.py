"""Drafts of folders: what a document of an agency says becomes files that pass the suite; nothing is fetched."""

import json
from pathlib import Path
from typing import Any

import pytest

from adapters.kit import conformance, golden
from adapters.kit.drafts import KINDS, DraftRefused, drafted, from_openapi, from_sample, from_wsdl, template, write
from adapters.kit.manifest import load

STAR = Path(__file__).parents[2] / "agencies/star/star.wsdl"
OPERATION = "KontrolliToimetulekuToetuseSaamist"
FUND = {
    "closed": 202609,
    "paid": [{"period": 202608, "cents": 120050}, {"period": 202609, "cents": 120000}],
    "pensions": [],
    "phone": "+94",
}


def document(**changes: Any) -> bytes:
    """An OpenAPI document with one operation that can be used, and one that has a person's number in its URL."""
    person = {
        "type": "object",
        "required": ["dateOfBirth"],
        "properties": {
            "dateOfBirth": {"type": "string", "format": "date"},
            "dateOfDeath": {"type": "string", "format": "date", "nullable": True},
            "diagnosis": {"type": "string", "description": "ICD-10"},
        },
    } | changes
    asked = {"type": "object", "properties": {"nationalId": {"type": "string"}, "pageSize": {"type": "integer"}}}
    answer = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Person"}}}}
    post = {"requestBody": {"content": {"application/json": {"schema": asked}}}, "responses": {"200": answer}}
    get = {"get": {"responses": {"200": answer}}}
    paths = {"/v1/find": {"post": {"operationId": "find", **post}}, "/v1/people/{id}": get}
    return json.dumps({"openapi": "3.0.3", "paths": paths, "components": {"schemas": {"Person": person}}}).encode()


async def broken_promises(folder: Path) -> list[str]:
    """What the golden and static checks of a folder find; its faults take seconds and are the conformance tests'."""
    names = ("manifest", "mapping", "settings", "a_golden", "golden_")
    found = []
    for check in conformance.checks(folder):
        if check.name.startswith(names):
            try:
                await check.run()
            except conformance.NotConforming as error:
                found.append(f"{check.name}: {error}")
    return found


@pytest.mark.parametrize("kind", sorted(KINDS))
async def test_a_new_folder_of_each_kind_keeps_its_promises_under_its_new_name(kind: str, tmp_path: Path) -> None:
    write(template(kind, "my_fund"), tmp_path / "my_fund")
    assert load(tmp_path / "my_fund").transport.kind == {"file": "rest", "fhir": "rest"}.get(kind, kind)
    assert await broken_promises(tmp_path / "my_fund") == []


async def test_a_wsdl_becomes_a_folder_that_keeps_its_promises(tmp_path: Path) -> None:
    draft = drafted(from_wsdl(STAR.read_bytes(), "star.wsdl", OPERATION), "star", service="benefit")
    write(draft.files, tmp_path / "star")
    service = load(tmp_path / "star").services["benefit"]
    assert service.extra["request"] == {"isikukood": "identifier:NIC", "algus": "period_from", "lopp": "period_to"}
    assert draft.taken() == {"/maaramine": "last_granted_month"}
    assert [each.result for each in golden.load(tmp_path / "star")] == ["record", "error"]
    assert await broken_promises(tmp_path / "star") == []


async def test_an_openapi_document_becomes_a_folder_with_its_schema_and_guesses_what_is_sensitive(
    tmp_path: Path,
) -> None:
    draft = drafted(from_openapi(document()), "civil", service="vital")
    write(draft.files, tmp_path / "civil")
    service = load(tmp_path / "civil").services["vital"]
    assert draft.record == "canonical/vital-events.v1.json"
    assert (service.extra["path"], service.answer_schema) == ("/v1/find", "./answer.json")
    assert service.extra["request"] == {"nationalId": "identifier:NIC"}
    assert service.sensitivity == "special"
    assert "#   /diagnosis  text, special: ICD-10" in (tmp_path / "civil/mapping.toml").read_text("utf-8")
    assert await broken_promises(tmp_path / "civil") == []


async def test_one_answer_becomes_a_folder(tmp_path: Path) -> None:
    draft = drafted(from_sample(json.dumps(FUND).encode()), "fund", service="contributions")
    write(draft.files, tmp_path / "fund")
    mapping = (tmp_path / "fund/mapping.toml").read_text("utf-8")
    assert draft.record == "canonical/contributions.v1.json"
    assert draft.unmet == []
    assert 'amount = { from = "/cents", with = "cents" }' in mapping
    assert "#   /phone" in mapping
    assert await broken_promises(tmp_path / "fund") == []


async def test_what_the_record_lacks_is_told_and_its_sample_is_an_error(tmp_path: Path) -> None:
    draft = drafted(
        from_sample(b'{"closed": 202609}'), "fund", service="sums", record="canonical/contributions.v1.json"
    )
    assert draft.unmet == ["months"]
    assert b"#   months" in draft.files["mapping.toml"]
    assert b"---------- error" in draft.files["samples/an_answer.golden"]


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (document(properties={"a": {"$ref": "https://evil.example/a.json"}}), "leads outside"),
        (document(properties={"a": {"$ref": "file:///etc/passwd"}}), "leads outside"),
        (document(properties={"a": {"type": "string", "pattern": "(?=x)"}}), "pattern"),
        (b"openapi: 3.0.3", "turned into JSON first: pip install pyyaml"),
        (b'{"swagger": "2.0"}', "not OpenAPI 3"),
        (json.dumps({"openapi": "3.1.0", "paths": {"/{id}": {"post": {}}}}).encode(), "choose one operation"),
    ],
    ids=["remote", "file", "lookahead", "yaml", "swagger", "number_in_url"],
)
def test_an_openapi_document_that_cannot_be_used_is_refused_with_a_reason(told: bytes, words: str) -> None:
    with pytest.raises(DraftRefused, match=words):
        drafted(from_openapi(told), "civil", service="vital", record="canonical/vital-events.v1.json")


def test_a_wsdl_with_several_operations_wants_one_chosen_and_names_them() -> None:
    with pytest.raises(DraftRefused, match=f"choose one with --operation.*{OPERATION}"):
        from_wsdl(STAR.read_bytes(), "star.wsdl")


@pytest.mark.parametrize(
    ("told", "words"), [(b"[1]", "not a JSON object"), (b"{", "the sample is"), (b"{}", "nothing")]
)
def test_a_sample_that_says_nothing_is_refused(told: bytes, words: str) -> None:
    with pytest.raises(DraftRefused, match=words):
        drafted(from_sample(told), "fund", service="x", record="canonical/contributions.v1.json")


def answered_by(answers: dict[str, Any], method: str = "post") -> bytes:
    """The document, whose one operation has these answers."""
    told = json.loads(document())
    (first, _) = told["paths"].items()
    operation = first[1]["post"] | {
        "responses": {name: first[1]["post"]["responses"]["200"] | more for name, more in answers.items()}
    }
    return json.dumps(told | {"paths": {first[0]: {method: operation}}}).encode()


@pytest.mark.parametrize("status", ["201", "2XX", "default"])
def test_an_answer_under_any_name_of_success_is_read(status: str) -> None:
    assert "/dateOfBirth" in {each.pointer for each in from_openapi(answered_by({status: {}})).told}


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (answered_by({"202": {}}), "find: it answers 202 only"),
        (answered_by({"200": {"content": {"text/csv": {}}}}), "find: no answer in JSON is described"),
        (answered_by({"200": {}}, "put"), "find: it is a PUT"),
    ],
)
def test_why_no_operation_can_be_used_is_said_of_each(told: bytes, words: str) -> None:
    for operation in ("", "find"):
        with pytest.raises(DraftRefused, match=words):
            from_openapi(told, operation)


def test_a_reference_that_leads_into_a_schema_is_followed() -> None:
    told = document(properties={"dateOfBirth": {"$ref": "#/components/schemas/Other/properties/born"}})
    whole = json.loads(told)
    whole["components"]["schemas"]["Other"] = {"type": "object", "properties": {"born": {"type": "string"}}}
    assert from_openapi(json.dumps(whole).encode()).operation == "find"


def test_a_wsdl_whose_message_names_no_element_says_which() -> None:
    text = STAR.read_bytes()
    changed = text.replace(f'element="sch:{OPERATION}Response"'.encode(), b'element="sch:Missing"')
    assert changed != text
    with pytest.raises(DraftRefused, match="Missing, which no schema in the file declares"):
        from_wsdl(changed, "star.wsdl", OPERATION)


def test_a_request_without_parts_asks_about_nobody_and_is_refused() -> None:
    text = STAR.read_bytes()
    empty = f'<element name="Nobody"><complexType/></element><element name="{OPERATION}Response"'.encode()
    changed = text.replace(f'<element name="{OPERATION}Response"'.encode(), empty, 1)
    changed = changed.replace(f'element="sch:{OPERATION}Request"'.encode(), b'element="sch:Nobody"')
    with pytest.raises(DraftRefused, match="no part that says who is meant"):
        from_wsdl(changed, "star.wsdl", OPERATION)
