"""Code lists: what is known, what is met, what is cleared, and what is no code at all."""

from pathlib import Path

import pytest

from adapters.kit import codes, mapping
from adapters.kit.codes import MOST_MET, UNMAPPED, Codes, CodesError, Met
from adapters.kit.converters import ConverterError

LISTS = {"state": {"NEW": "received", "DEC": "decided"}}


def test_an_unknown_code_is_unmapped_met_and_known_once_it_is_cleared() -> None:
    known = Codes(LISTS)
    assert [known.ours("state", each) for each in ("NEW", "MED", "MED")] == ["received", UNMAPPED, UNMAPPED]
    assert known.taken() == {Met("state", "MED"): 2}
    assert known.taken() == {}
    known.clear({Met("state", "MED"): "decided", Met("state", "NEW"): "decided"})
    assert [known.ours("state", each) for each in ("MED", "NEW")] == ["decided", "received"]
    assert known.taken() == {}


@pytest.mark.parametrize(
    "told", ["Kamala Perera", "199012304567", "901234567V", "+94771234567", "", " ", "x" * 25, "a\nb", 7, None, ["NEW"]]
)
def test_what_may_be_a_person_s_data_is_never_taken_for_a_code(told: object) -> None:
    known = Codes(LISTS)
    with pytest.raises(ConverterError) as raised:
        known.ours("state", told)
    assert str(raised.value) == "not a code"
    assert known.taken() == {}


def test_no_more_values_are_remembered_than_a_list_may_have() -> None:
    known = Codes(LISTS)
    for number in range(2 * MOST_MET):
        assert known.ours("state", f"X{number}") == UNMAPPED
    assert len(known.taken()) == MOST_MET


@pytest.mark.parametrize(
    "text", ["x = 1", "[state]", '[state]\nNEW = "unmapped"', '[state]\n"Kamala Perera" = "x"', "[state", "[s]\nA = 1"]
)
def test_a_wrong_file_is_refused_with_its_place(tmp_path: Path, text: str) -> None:
    (tmp_path / codes.FILE).write_text(text)
    with pytest.raises(CodesError, match=r"codes\.toml"):
        codes.load(tmp_path)


def test_a_mapping_that_names_no_list_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mapping.toml").write_text('[status]\nstate = { from = "/state", codes = "state" }\n')
    with pytest.raises(mapping.MappingError, match=r"write \[state\] into codes\.toml"):
        mapping.load(tmp_path)
    (tmp_path / codes.FILE).write_text('[state]\nNEW = "received"\n')
    mapped = mapping.load(tmp_path)["status"]
    assert [mapped({"state": each}) for each in ("NEW", "OLD")] == [{"state": "received"}, {"state": UNMAPPED}]
