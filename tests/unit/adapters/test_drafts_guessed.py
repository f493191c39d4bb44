"""What `sandhi adapter import` guesses: the record, notations, codes, what the agency's state means. Never silently."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from adapters.kit.drafts import Draft, DraftRefused, drafted, from_openapi, from_sample, notations, write
from adapters.kit.manifest import load
from gateway.cli.adapter import app

ANSWER = {
    "result": {"type": "string", "enum": ["FOUND", "NO_CERTIFICATE"]},
    "genuine": {"type": "string", "enum": ["YES", "NO"]},
    "scheme": {"type": "string", "enum": ["DIS", "CKD", "WRK"]},
    "validTo": {"type": "string", "description": "DD/MM/YYYY; absent: without end"},
}
DAY = {"type": "string", "pattern": "^[0-9]{8}$"}
FUND = {
    "completeUpTo": "09/2026",
    "payments": [{"forMonth": "07/2026", "rupees": "1,250.00", "kind": "CONTRIB"}],
    "pensions": [{"type": "OLD", "since": "01/2024", "until": None}],
}


def certificates(**answer: Any) -> Draft:
    schema = {"type": "object", "required": ["result", "genuine", "scheme"], "properties": ANSWER | answer}
    told = {"description": "The holder is known.", "content": {"application/json": {"schema": schema}}}
    get = {
        "operationId": "getCertificate",
        "summary": "The newest certificate",
        "parameters": [
            {"name": "nationalId", "in": "path", "required": True, "schema": {"type": "string"}},
            {"name": "on", "in": "query", "required": True, "schema": DAY},
        ],
        "responses": {"200": told, "404": {"description": "Nobody with this number."}},
    }
    document = {
        "openapi": "3.0.3",
        "info": {"title": "Ministry: certificates"},
        "servers": [{"url": "https://certs.example/api"}],
        "paths": {"/v2/{nationalId}": {"get": get}},
    }
    return drafted(from_openapi(json.dumps(document).encode()), "certs", service="certificate")


def test_the_record_is_the_one_that_the_answer_fills_and_others_are_named() -> None:
    draft = certificates()
    assert (draft.record, draft.unmet) == ("canonical/certificate.v1.json", [])
    assert draft.others
    assert draft.record not in draft.others
    assert (
        drafted(from_sample(json.dumps(FUND).encode()), "fund", service="sums").record
        == "canonical/contributions.v1.json"
    )


def test_codes_become_a_table_and_what_no_guess_fits_is_marked(tmp_path: Path) -> None:
    write(certificates().files, tmp_path / "certs")
    codes = (tmp_path / "certs/codes.toml").read_text("utf-8")
    assert '"DIS" = "disability"\n"CKD" = "CHANGE"\n"WRK" = "work_capacity"' in codes
    assert "# ours: disability, kidney, work_capacity" in codes
    lines = (tmp_path / "certs/mapping.toml").read_text("utf-8")
    assert 'genuine = { from = "/genuine", with = "yes_no" }' in lines
    assert 'category = { from = "/scheme", codes = "scheme", only_where = { genuine = [true] } }' in lines
    told = 'with = "date:DD/MM/YYYY", optional = "null", only_where = { genuine = [true] } }'
    assert f'valid_until = {{ from = "/validTo", {told}' in lines


def test_a_list_of_codes_that_is_ours_already_needs_no_table() -> None:
    draft = certificates(scheme={"type": "string", "enum": ["kidney", "disability"]})
    assert "codes.toml" not in draft.files
    assert b'category = { from = "/scheme", with = "text", only_where' in draft.files["mapping.toml"]


def test_days_asked_about_keep_the_notation_of_the_document_and_its_words_stand_in_the_manifest(tmp_path: Path) -> None:
    write(certificates().files, tmp_path / "certs")
    service = load(tmp_path / "certs").services["certificate"]
    assert service.extra["request"] == {"nationalId": "identifier:NIC", "on": "as_at:YYYYMMDD"}
    assert service.extra["means"] == {"/result=NO_CERTIFICATE": "no_data"}
    assert service.actions == {"read"}
    text = (tmp_path / "certs/manifest.toml").read_text("utf-8")
    for told in (
        "Ministry: certificates",
        "https://certs.example/api",
        "Nobody with this number.",
        "# CHANGE: a guess",
    ):
        assert told in text


def test_notations_of_a_sample_are_read() -> None:
    draft = drafted(from_sample(json.dumps(FUND).encode()), "fund", service="sums")
    lines = draft.files["mapping.toml"].decode()
    assert 'closed_month = { from = "/completeUpTo", with = "month:MM/YYYY" }' in lines
    assert 'amount = { from = "/rupees", with = "decimal_grouped" }' in lines


def test_a_required_field_that_nothing_looks_like_is_a_line_to_be_filled(tmp_path: Path) -> None:
    draft = drafted(
        from_sample(b'{"closed": 202609}'), "fund", service="sums", record="canonical/contributions.v1.json"
    )
    write(draft.files, tmp_path / "fund")
    assert 'months = { from = "/CHANGE" }' in (tmp_path / "fund/mapping.toml").read_text("utf-8")
    assert load(tmp_path / "fund").services["sums"].fields == {"closed_month", "months"}
    assert b"months: nothing at /CHANGE" in draft.files["samples/an_answer.golden"]


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("2026-10-31", "date"),
        ("31/10/2026", "date_dmy_slashes"),
        ("10/31/2026", "date:MM/DD/YYYY"),
        ("31.10.2026", "date:DD.MM.YYYY"),
        ("20261031", "date:YYYYMMDD"),
        ("10/2026", "month:MM/YYYY"),
        ("no", "yes_no"),
        ("1,250.00", "decimal_grouped"),
        ("1,250", ""),
        ("Kamal", ""),
        ("1" * 5000, ""),
    ],
)
def test_a_value_s_notation_is_guessed(value: str, kind: str) -> None:
    assert notations.of_value(value) == kind


@pytest.mark.parametrize(
    ("caption", "pattern", "notation"),
    [
        ("day of interest, YYYYMMDD", "", "YYYYMMDD"),
        ("as dd.mm.yyyy", "", "DD.MM.YYYY"),
        ("", r"^\d{6}$", "YYYYMM"),
        ("the YYYY of birth", "", ""),
        ("MMDD MMDD", "^(a+)+$", ""),
        ("DD/" * 5000, "", ""),
    ],
    ids=["compact", "dotted", "digits", "a year", "no day", "endless"],
)
def test_a_notation_in_words_is_found(caption: str, pattern: str, notation: str) -> None:
    assert notations.in_words(caption, pattern) == notation


def test_a_name_that_no_folder_may_have_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    (tmp_path / "answer.json").write_text(json.dumps(FUND))
    for name in ("c", "Fund", "my-fund"):
        done = CliRunner().invoke(app, ["import", str(tmp_path / name), "--sample", str(tmp_path / "answer.json")])
        assert done.exit_code == 1
        assert "is no name for a folder" in done.output
        assert not (tmp_path / name).exists()
    told = ["import", str(tmp_path / "fund"), "--sample", str(tmp_path / "answer.json"), "--service", "x"]
    assert "x is no name for a service" in CliRunner().invoke(app, told).output


@pytest.mark.parametrize(("code", "ours"), [("F", "female"), ("M", "male"), ("X", "CHANGE"), ("FEM", "female")])
def test_a_code_that_abbreviates_one_of_ours_is_guessed_and_no_other(code: str, ours: str) -> None:
    answer = json.dumps({"confirmed": True, "birth_date": "1990-05-02", "sex": code}).encode()
    draft = drafted(from_sample(answer), "levy", service="members", record="canonical/identity.v1.json")
    assert f'"{code}" = "{ours}"' in draft.files["codes.toml"].decode()


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ({"contributor": {"known": True}}, {"/contributor/known=false": "unknown_person"}),
        ({"is_registered": True}, {"/is_registered=false": "unknown_person"}),
        ({"known": False}, None),
        ({"well": True}, None),
    ],
    ids=["known", "registered", "false in the sample", "another word"],
)
def test_a_boolean_that_says_whether_anybody_is_known_is_guessed_to_mean_it(
    answer: dict[str, Any], told: dict[str, str] | None, tmp_path: Path
) -> None:
    draft = drafted(from_sample(json.dumps(FUND | answer).encode()), "fund", service="sums")
    write(draft.files, tmp_path / "fund")
    assert load(tmp_path / "fund").services["sums"].extra.get("means") == told
    lines = [each for each in draft.files["manifest.toml"].decode().splitlines() if each.startswith("means")]
    assert all("# CHANGE" in each for each in lines)


@pytest.mark.parametrize(
    ("others", "written", "marked"),
    [
        ({}, "month:MM/YYYY", False),
        ({"completeUpTo": "2026-09"}, "month_iso", True),
    ],
    ids=["its siblings agree", "they do not"],
)
def test_a_day_without_a_value_is_written_as_its_siblings_are(
    others: dict[str, Any], written: str, marked: bool
) -> None:
    draft = drafted(from_sample(json.dumps(FUND | others).encode()), "fund", service="sums")
    (line,) = [each for each in draft.files["mapping.toml"].decode().splitlines() if each.startswith("pensions")]
    assert f'"/until", with = "{written}"' in line
    assert ("# CHANGE" in line) == marked


@pytest.mark.parametrize("name", ["x\n[members]\ncode = { from = '/secret' }", "x\r", "x\x7f", "x\x1b[0m", "x\0"])
def test_a_name_in_the_answer_of_an_agency_writes_no_line_of_the_mapping(name: str) -> None:
    answer = json.dumps({"confirmed": True, name: 1}).encode()
    with pytest.raises(DraftRefused, match="control character"):
        drafted(from_sample(answer), "levy", service="members", record="canonical/account-confirmation.v1.json")


@pytest.mark.parametrize(
    ("nobody", "place"),
    [
        ({"status": "NOT_FOUND"}, "/status=NOT_FOUND"),
        ({"error": {"code": "E404", "text": "no such person"}}, "/error/code=E404"),
        ({"found": False}, "/found=false"),
        ({"nationality": "SIERRA", "status": "ACTIVE", "last_paid": None}, ""),  # what is said of a person is no state
        ({"status": "CLOSED", "last_paid": None}, ""),  # a field of ours takes it, and it may be said of somebody
    ],
)
def test_what_the_agency_says_of_nobody_is_guessed_from_its_answer_about_nobody(
    nobody: dict[str, Any], place: str
) -> None:
    known = {"status": "ACTIVE", "nationality": "MALTA", "last_paid": "2026-10"}
    draft = drafted(from_sample(json.dumps(known).encode(), json.dumps(nobody).encode()), "levy", service="paid")
    manifest, sample = (draft.files[name].decode() for name in ("manifest.toml", "samples/nobody.golden"))
    assert ("means" in manifest) is bool(place)
    assert (f'"{place}" = "unknown_person"' in manifest) is bool(place)
    assert ("the agency does not know the person" in sample) is bool(place)
