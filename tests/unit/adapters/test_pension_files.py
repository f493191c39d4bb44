"""The pension files, read and written as docs/profiles/pension-file.md says."""

import hashlib
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.kit.contract import AgencyAnswerMalformed, AgencyRefused, AgencyRejectedMessage
from adapters.pension.files import Grant, Posting, Request, error_of, nic_fits, read_answer

PROFILE = Path(__file__).parents[3] / "docs/profiles/pension-file.md"
BLOCKS = re.findall(r"^```text (\S+)\n(.*?)^```$", PROFILE.read_text(), re.DOTALL | re.MULTILINE)
GOLDEN = {name: text.encode() for name, text in BLOCKS}
NUMBER = "SANDHI-20261101-0001"
REQUEST = Request("SANDHI", "202608", "202610", ("851234567V", "199012304567", "200151200321"))


def files(number: str = NUMBER) -> dict[str, bytes]:
    return {name: text for name, text in GOLDEN.items() if number in name}


def remade(changed: dict[str, bytes]) -> dict[str, bytes]:
    """The golden answer with some files changed and a manifest whose sha256 fit again."""
    answer = files() | changed
    manifest = answer[f"ANS-{NUMBER}.mft"].decode()
    for name in changed:
        manifest = re.sub(
            rf"(F\|{name}\|[^|]*\|[^|]*\|)\w+", lambda m, n=name: m[1] + hashlib.sha256(answer[n]).hexdigest(), manifest
        )
    return answer | {f"ANS-{NUMBER}.mft": manifest.encode()}


def edited(part: str, change: Callable[[str], str]) -> dict[str, bytes]:
    name = f"ANS-{NUMBER}-{part}.txt"
    return remade({name: change(GOLDEN[name].decode()).encode("latin-1")})


def test_a_request_is_written_byte_for_byte_as_the_profile_shows() -> None:
    assert REQUEST.data() == GOLDEN[f"REQ-{NUMBER}.txt"]
    assert REQUEST.manifest(NUMBER) == GOLDEN[f"REQ-{NUMBER}.mft"]


def test_the_golden_answer_is_read_with_its_reversal_and_its_pension() -> None:
    first, second, third = read_answer(NUMBER, REQUEST, files())
    assert first.postings == (Posting("202608", 1, 900000), Posting("202609", 1, 900000), Posting("202609", 2, -900000))
    assert (second.state, second.closed_month, second.postings) == ("known", "202609", ())
    assert second.pensions == (Grant("O", "202401", None),)
    assert (third.state, third.postings, third.pensions) == ("unknown", (), ())


def test_an_answer_whose_reversal_was_lost_is_refused_whole() -> None:
    number = "SANDHI-20261101-0003"
    lost = b"".join(GOLDEN[f"ANS-{NUMBER}-C.txt"].splitlines(keepends=True)[:2])
    answer = {
        f"ANS-{number}.mft": GOLDEN[f"ANS-{number}.mft"],
        f"ANS-{number}-C.txt": lost,
        f"ANS-{number}-S.txt": GOLDEN[f"ANS-{NUMBER}-S.txt"],
        f"ANS-{number}-P.txt": GOLDEN[f"ANS-{NUMBER}-P.txt"],
    }
    with pytest.raises(AgencyAnswerMalformed) as raised:
        read_answer(number, REQUEST, answer)
    assert raised.value.code == "count"


@pytest.mark.parametrize(
    ("part", "change", "check"),
    [
        ("C", lambda text: text.replace("E", "", 1), "length"),
        ("C", lambda text: text.replace("EA", "XA", 1), "field"),
        ("C", lambda text: text.replace("   9000.00", "   9000.0x", 1), "field"),
        ("C", lambda text: text.replace("   9000.00", "   9000.01", 1), "field"),
        ("C", lambda text: text.replace("-45000.00", " 45000.00", 1), "field"),
        ("C", lambda text: text.replace("202608", "202607", 1), "field"),
        ("C", lambda text: text.replace("202608", "202613", 1), "field"),
        ("C", lambda text: text.replace("202609 2", "202609 1", 1), "order"),
        ("C", lambda text: text.replace("851234567V", "851234568V", 1), "index"),
        ("C", lambda text: text.replace("\n", "\r\n", 1), "text"),
        ("C", lambda text: text.replace(" ", "\xe9", 1), "text"),
        ("C", lambda text: text[:-1], "text"),
        ("C", lambda text: text.replace("851234567V" + " " * 11, "851234567V" + " " * 10 + "x", 1), "field"),
        ("S", lambda text: text.replace("000002", "000003", 1), "order"),
        ("S", lambda text: text.replace("199012304567", "199012304568", 1), "order"),
        ("S", lambda text: text.replace("|3|0", "|2|0", 1), "index"),
        ("S", lambda text: text.replace("|known|202609|3", "|refused|202609|3", 1), "index"),
        ("S", lambda text: text.replace("202609", "202608", 1), "field"),
        ("S", lambda text: text.replace("known", "fine", 1), "field"),
        ("P", lambda text: text.replace("|O|", "|Q|", 1), "field"),
        ("P", lambda text: text.replace("202401", "202400", 1), "field"),
        ("P", lambda text: text.replace("000002", "000001", 1), "index"),
    ],
)
def test_one_wrong_thing_and_nothing_of_the_answer_is_used(part: str, change: Callable[[str], str], check: str) -> None:
    with pytest.raises(AgencyAnswerMalformed) as raised:
        read_answer(NUMBER, REQUEST, edited(part, change))
    assert raised.value.code == check
    assert not re.search(r"[0-9]{9}", raised.value.detail), "an error text never carries a number"


@pytest.mark.parametrize(
    ("change", "check"),
    [
        (lambda text: text.replace("|9000.00|", "|9000.01|"), "sum"),
        (lambda text: text.replace("|3|9000", "|2|9000"), "count"),
        (lambda text: re.sub(r"[0-9a-f]{64}", "0" * 64, text, count=1), "sha256"),
        (lambda text: text.replace("-0001", "-0002"), "manifest"),
        (lambda text: text.replace("|202609", "|2026-09", 1), "manifest"),
        (lambda text: text + "F|MORE.txt|0||" + "0" * 64 + "\n", "manifest"),
    ],
)
def test_the_manifest_must_fit(change: Callable[[str], str], check: str) -> None:
    manifest = change(GOLDEN[f"ANS-{NUMBER}.mft"].decode()).encode()
    with pytest.raises(AgencyAnswerMalformed) as raised:
        read_answer(NUMBER, REQUEST, files() | {f"ANS-{NUMBER}.mft": manifest})
    assert raised.value.code == check


def test_an_answer_about_other_people_than_asked_is_refused() -> None:
    other = Request("SANDHI", "202608", "202610", ("851234567V", "199012304567", "200151200322"))
    with pytest.raises(AgencyAnswerMalformed):
        read_answer(NUMBER, other, files())


def test_an_error_file_is_our_fault_except_when_we_are_not_served() -> None:
    number = "SANDHI-20261101-0002"
    error = error_of(number, "SANDHI", GOLDEN[f"ERR-{number}.txt"])
    assert isinstance(error, AgencyRejectedMessage)
    assert error.code == "R05"
    assert isinstance(error_of(number, "SANDHI", GOLDEN[f"ERR-{number}.txt"].replace(b"R05", b"R11")), AgencyRefused)
    with pytest.raises(AgencyAnswerMalformed):
        error_of("SANDHI-20261101-0009", "SANDHI", GOLDEN[f"ERR-{number}.txt"])


@pytest.mark.parametrize(
    ("nic", "fits"),
    [
        ("851234567V", True),
        ("851234567X", True),
        ("856234567V", True),
        ("198512304567", True),
        ("851234567v", False),
        ("853674567V", False),
        ("850004567V", False),
        ("858674567V", False),
        ("210012304567", False),
        ("8512345678", False),
        ("19851230456", False),
        ("", False),
    ],
)
def test_a_number_the_fund_would_not_take_is_known_before_it_is_sent(nic: str, fits: bool) -> None:
    assert nic_fits(nic) is fits
