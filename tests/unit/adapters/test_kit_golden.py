"""Golden samples say what is wrong with them, and where what came of them differs."""

from pathlib import Path

import pytest

from adapters.kit import golden
from adapters.kit.differing import differences


def sample(folder: Path, ending: str) -> Path:
    path = folder / "x.golden"
    path.write_text(f"A story.\n---------- agency\n{{}}\n{ending}", encoding="utf-8")
    return path


@pytest.mark.parametrize("code", sorted(golden.OUTCOMES))
def test_an_outcome_in_place_of_a_record_is_told_with_what_to_write(code: str, tmp_path: Path) -> None:
    with pytest.raises(golden.GoldenError, match=rf"`---------- {code}` is an outcome.*write `---------- error`"):
        golden.read(sample(tmp_path, f"---------- {code}\n"))


def test_a_record_that_is_no_json_is_told_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(golden.GoldenError, match=r"not JSON \(.*, line 2 of it\)"):
        golden.read(sample(tmp_path, '---------- record\n{"a": 1,\nb}\n'))
    with pytest.raises(golden.GoldenError, match="nested too deep"):
        golden.read(sample(tmp_path, f"---------- record\n{'[' * 100_000}\n"))


def test_each_field_that_differs_is_named_with_both_values() -> None:
    expected = {"a": True, "b": [{"c": "10.50"}], "d": 1}
    got = {"a": 1, "b": [{"c": None}, {}], "e": "x"}
    assert differences(expected, got) == [
        "a: expected true, got 1",
        'b[0].c: expected "10.50", got null',
        "b[1]: expected nothing, got {}",
        "d: expected 1, got nothing",
        'e: expected nothing, got "x"',
    ]
    assert differences(expected, dict(expected)) == []


def test_a_difference_is_told_in_short() -> None:
    told = differences({"a": "x" * 1000, **{f"f{n}": 0 for n in range(9)}}, {})
    assert len(told) == 6
    assert len(told[0]) < 130
    assert told[-1] == "and 5 more"
