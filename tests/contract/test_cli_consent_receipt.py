"""Whoever holds a receipt can have it checked on the command line, and reads in words what was signed."""

import asyncio
import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from gateway.cli import consent
from gateway.consent_receipts import MOST_IN_A_CODE
from gateway.settings import Settings
from gateway.trust import Member, register
from gateway.wiring import open_services
from pages import LANGUAGES
from tests.agreeing import line

WBB, BOARD = "LK/GOV/WBB", "Welfare Benefits Board"
LINE = line(1, subject={"identifiers": [{"type": "NIC", "value": "199000100001"}]})
FIELDS = {"pension.contributions": ["months", "closed_month"]}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with the member that asked, and consents, made once."""
    folder = tmp_path_factory.mktemp("receipts")
    lines = [LINE, LINE | {"id": "C2", "services": FIELDS}, LINE | {"id": "C3"}]
    (folder / "consents.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SANDHI_DATA_DIR", str(folder / "data"))
        asyncio.run(registered())
        assert run(consent.app, "import", folder / "consents.jsonl", "--controller", WBB).exit_code == 0
    return folder


@pytest.fixture
def place(house: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same, as the environment's."""
    monkeypatch.setenv("SANDHI_DATA_DIR", str(house / "data"))
    return house


async def registered() -> None:
    async with open_services() as here, here.db.write() as connection:
        await register.add_member(connection, here.log, Member(WBB, BOARD), datetime.now(UTC))


def run(app: typer.Typer, *arguments: object) -> Result:
    return CliRunner().invoke(app, [str(each) for each in arguments])


def kept(place: Path, text: str, name: str = "receipt.txt") -> Path:
    file = place / name
    file.write_text(text, encoding="utf-8")
    return file


def jws(id_: str = "C1") -> str:
    return str(json.loads(run(consent.app, "receipt", id_).stdout)["jws"])


def test_the_code_the_saved_page_and_the_json_are_checked_and_told_in_words(place: Path) -> None:
    whole = run(consent.app, "receipt", "C1").stdout
    page = run(consent.app, "receipt", "C1", "--html").stdout
    broken = re.sub(r"(.{60})", r"\1\n", jws())  # as it stands on paper
    for number, text in enumerate((whole, page, jws(), broken)):
        answer = run(consent.app, "receipt", "--check", kept(place, text, f"{number}.txt"))
        assert answer.exit_code == 0, answer.output
        told = answer.stdout
        assert told.startswith("The signature is right: LK/GOV/SANDHI/GATEWAY signed this receipt on ")
        assert "consent          C1, in force on that day" in told
        assert "for              Find out who may benefit from employment support" in told
        assert "valid            1 January 2020 until 31 December 2099" in told
        assert f"who asked        {BOARD}" in told
        assert "every item" in told
        assert WBB not in told
        assert "Now this consent is in force." in told
    piped = CliRunner().invoke(consent.app, ["receipt", "--check", "-"], input=jws())
    assert piped.stdout.startswith("The signature is right")


def test_the_check_says_what_the_consent_is_worth_now(place: Path) -> None:
    file = kept(place, jws("C3"))
    run(consent.app, "withdraw", "C3")
    told = run(consent.app, "receipt", "--check", file).stdout
    assert "C3, in force on that day" in told
    assert "Now this consent is withdrawn." in told


async def published(place: Path) -> str:
    async with open_services(Settings.read({"SANDHI_DATA_DIR": str(place / "data")})) as here:
        return json.dumps(here.trust.jwks())


def test_a_receipt_is_checked_offline_with_the_published_keys(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, keys = kept(place, jws()), kept(place, asyncio.run(published(place)), "jwks.json")
    monkeypatch.setenv("SANDHI_DATA_DIR", str(place / "elsewhere"))
    answer = run(consent.app, "receipt", "--check", file, "--keys", keys)
    assert answer.exit_code == 0, answer.output
    assert "The signature is right" in answer.stdout
    assert "Now this consent" not in answer.stdout
    assert not (place / "elsewhere").exists()
    other = run(consent.app, "receipt", "--check", file, "--keys", kept(place, '{"keys": []}', "none.json"))
    assert (other.exit_code, "none of the gateway's keys signed this receipt" in other.stderr) == (1, True)
    none = run(consent.app, "receipt", "--check", file, "--keys", file)
    assert (none.exit_code, "these are no published keys" in none.stderr) == (1, True)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{jws}AAAA", "altered after it was signed"),
        ("C1.1780000000 sha-256:" + "0" * 64, "give the text below the code"),
        ("{", "this is no receipt"),
        ("<html>nothing</html>", "this is no receipt"),
        ("a.b.c", "a receipt is a compact JWS"),
        ("", "this is no receipt"),
    ],
    ids=["altered", "digest", "json", "page", "signature", "nothing"],
)
def test_what_is_no_receipt_of_the_gateway_is_refused_with_what_to_do(place: Path, text: str, said: str) -> None:
    answer = run(consent.app, "receipt", "--check", kept(place, text.replace("{jws}", jws())))
    assert (answer.exit_code, answer.stdout) == (1, "")
    assert said in answer.stderr


def test_a_code_holds_the_whole_receipt_of_a_usual_consent(place: Path) -> None:
    assert len(jws()) <= MOST_IN_A_CODE


@pytest.mark.parametrize(("code", "own"), [("en", "Who asked you"), ("si", "ඔබ"), ("ta", "நீங்கள்")])
def test_the_page_to_print_says_names_and_fields_in_the_language_of_the_person(
    place: Path, code: str, own: str
) -> None:
    page = run(consent.app, "receipt", "C2", "--html", "--language", code).stdout
    words = page.partition("<pre>")[0]
    assert f'<html lang="{code}"' in page
    assert own in words
    assert "pension.contributions" not in words
    assert "closed_month" not in words
    assert words.count(f">{LANGUAGES[code].said(BOARD)}</") == 2


@pytest.mark.parametrize(
    "asked",
    [[], ["C1", "--check", "x"], ["C1", "--keys", "x"], ["C1", "--html", "--language", "xx"]],
    ids=["nothing", "both", "keys alone", "no language"],
)
def test_what_cannot_be_meant_is_a_question_of_usage(place: Path, asked: list[str]) -> None:
    assert run(consent.app, "receipt", *asked).exit_code == 2
