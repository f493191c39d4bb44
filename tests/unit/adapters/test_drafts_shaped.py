"""A schema drafted from answers: it has their shape, takes answers like them, and holds none of their values."""

import json
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from adapters.kit import golden
from adapters.kit.drafts import drafted, from_sample, write
from adapters.kit.drafts.shape import schema_of
from adapters.kit.manifest import load
from tests.unit.adapters.test_kit_drafts import FUND, broken_promises

KNOWN = {"found": True, "name": "Kamal Perera", "months": [{"period": 202609, "cents": 120000}], "left": None}
UNKNOWN = {"found": False, "name": None, "months": []}
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=20,
)
answers = st.lists(
    st.dictionaries(st.text(min_size=1, max_size=6), values, min_size=1, max_size=4), min_size=1, max_size=3
)


def judge(*samples: object) -> Draft202012Validator:
    return Draft202012Validator(json.loads(schema_of(samples)))


@given(answers)
def test_every_answer_that_it_was_drafted_from_is_valid(samples: list[dict[str, Any]]) -> None:
    assert all(judge(*samples).is_valid(each) for each in samples)


@given(answers)
def test_no_value_stands_in_it(samples: list[dict[str, Any]]) -> None:
    words = {"const", "enum", "default", "examples", "example", "pattern"}

    def look(node: object) -> None:
        if isinstance(node, dict):
            assert not words & set(node) or "properties" not in node
            for name, each in node.items():
                if name == "properties":
                    assert isinstance(each, dict)
                    for part in each.values():
                        look(part)
                else:
                    assert name in {"$schema", "description", "type", "minProperties", "required", "items"}, name
                    look(each) if name == "items" else None

    look(json.loads(schema_of(samples)))


def test_what_one_answer_has_may_be_missing_in_another_and_may_not_be_another_thing() -> None:
    fits = judge(KNOWN).is_valid
    assert all(map(fits, (KNOWN, UNKNOWN, {"found": True}, {"found": None}, KNOWN | {"more": 1})))
    wrong: list[object] = [{}, [], {"found": "yes"}, {"months": {}}, {"months": [{"cents": "120000"}]}, {"name": 5}]
    assert not any(map(fits, wrong))


def test_what_several_answers_all_have_is_required() -> None:
    fits = judge(KNOWN, UNKNOWN).is_valid
    assert fits({"found": False, "months": []})
    assert not fits({"name": "Kamal Perera", "months": []})
    assert not fits({"found": True})


def test_a_member_that_is_called_like_a_number_of_somebody_is_not_written_down() -> None:
    text = schema_of([{"people": {"199012304567": {"cents": 1}}}]).decode()
    assert "199012304567" not in text
    assert "cents" not in text


def test_an_answer_deeper_than_a_schema_may_be_gets_none() -> None:
    deep: Any = 1
    for _ in range(60):
        deep = {"in": deep}
    assert schema_of([deep]) == b""


async def test_a_folder_from_one_answer_judges_answers_by_a_schema(tmp_path: Path) -> None:
    draft = drafted(from_sample(json.dumps(FUND).encode()), "fund", service="contributions")
    write(draft.files, tmp_path / "fund")
    assert load(tmp_path / "fund").services["contributions"].answer_schema == "./answer.json"
    assert [each.result for each in golden.load(tmp_path / "fund")] == ["record", "error"]
    assert await broken_promises(tmp_path / "fund") == []


async def test_the_answer_about_somebody_unknown_is_a_sample_of_its_own(tmp_path: Path) -> None:
    unknown = json.dumps({**dict.fromkeys(FUND), "closed": 202609, "paid": [], "pensions": []}).encode()
    draft = drafted(from_sample(json.dumps(FUND).encode(), unknown), "fund", service="contributions")
    write(draft.files, tmp_path / "fund")
    assert "nobody" in {each.name for each in golden.load(tmp_path / "fund")}
    assert json.loads(draft.files["answer.json"])["required"] == ["closed", "paid", "pensions"]
    assert await broken_promises(tmp_path / "fund") == []
