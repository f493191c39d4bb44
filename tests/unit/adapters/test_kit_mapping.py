from pathlib import Path

import pytest

from adapters.kit.mapping import MappingError, compiled, load

LEVY = {
    "member_id": {"from": "/member/no"},
    "last_paid_month": {"from": "/last/period", "with": "month", "optional": "yes"},
    "left_on": {"from": "/left", "with": "date_iso", "optional": "null"},
}


def test_a_record_has_one_entry_per_line() -> None:
    raw = {"member": {"no": "P-78"}, "last": {"period": 202609}, "left": "2026-01-31", "more": 1}
    assert compiled(LEVY)(raw) == {"member_id": "P-78", "last_paid_month": "2026-09", "left_on": "2026-01-31"}


def test_absent_optional_fields_are_left_out_or_null_as_declared() -> None:
    assert compiled(LEVY)({"member": {"no": "P-78"}}) == {"member_id": "P-78", "left_on": None}
    assert compiled(LEVY)({"member": {"no": "P-78"}, "last": {"period": None}, "left": None})["left_on"] is None


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"member": {"no": "P-78"}, "last": {"period": 0}}, "last_paid_month: not a month at /last/period"),
        ({"member": {}}, "member_id: nothing at /member/no"),
        ([], "member_id: nothing at /member/no"),
        (None, "member_id: nothing at /member/no"),
    ],
)
def test_an_error_names_field_and_pointer_and_no_value(raw: object, message: str) -> None:
    with pytest.raises(MappingError) as caught:
        compiled(LEVY)(raw)
    assert str(caught.value) == message


def test_each_turns_a_list_into_a_list_of_records() -> None:
    mapper = compiled({"jobs": {"from": "/jobs", "each": {"pay": {"from": "/cents", "with": "cents"}}}})
    assert mapper({"jobs": [{"cents": 1050}, {"cents": "0"}]}) == {"jobs": [{"pay": "10.50"}, {"pay": "0.00"}]}
    with pytest.raises(MappingError, match=r"^jobs\[\]\.pay: not a whole number at /jobs/1/cents$"):
        mapper({"jobs": [{"cents": 1}, {"cents": None}]})
    with pytest.raises(MappingError, match=r"^jobs: not a list at /jobs$"):
        mapper({"jobs": {"0": {}}})


def test_pointers_follow_rfc_6901() -> None:
    mapper = compiled({"a": {"from": "/x~1y/0/m~0n"}, "whole": {"from": ""}})
    raw = {"x/y": [{"m~n": 1}]}
    assert mapper(raw) == {"a": 1, "whole": raw}


def test_an_unknown_converter_is_found_when_the_folder_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "mapping.toml").write_text('[levy]\na = { from = "/a", with = "python" }')
    with pytest.raises(MappingError, match="no converter python"):
        load(tmp_path)


@pytest.mark.parametrize(
    "line",
    ['{ from = "/a", if = "/b" }', '{ from = "a" }', '{ with = "month" }', '{ from = "/a", optional = "maybe" }'],
)
def test_the_grammar_is_closed(tmp_path: Path, line: str) -> None:
    (tmp_path / "mapping.toml").write_text(f"[levy]\na = {line}")
    with pytest.raises(MappingError, match=r"breaks schemas/own/mapping\.v1\.json"):
        load(tmp_path)


def test_a_folder_without_a_mapping_maps_nothing(tmp_path: Path) -> None:
    assert load(tmp_path) == {}
