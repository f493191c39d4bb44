"""NIC numbers in both forms."""

from datetime import date

import pytest

from sandbox import nic


@pytest.mark.parametrize(
    ("old", "new"),
    [("853400937V", "198534000937"), ("640011234X", "196400101234"), ("905671230V", "199056701230")],
)
def test_both_forms_of_a_number_are_one_number(old: str, new: str) -> None:
    assert nic.normal(old) == nic.normal(new) == new


@pytest.mark.parametrize("text", ["", "85340093V", "853400937v", "19853400937", "1985340009370", "85340093AV"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a NIC number"):
        nic.normal(text)


def test_a_number_holds_birth_date_and_sex() -> None:
    woman = nic.number(date(1990, 3, 1), "female", "01234")
    assert woman == "199056101234"  # 31 + 29 + 1 days, plus 500: every February has 29 days
    assert nic.birth_date(woman) == date(1990, 3, 1)
    assert nic.birth_date(nic.old_form(woman)) == date(1990, 3, 1)


def test_only_numbers_once_issued_in_the_old_form_have_one() -> None:
    assert nic.old_form("199056101234") == "905611234V"
    for number in ("199056111234", "200056101234"):
        with pytest.raises(ValueError, match="never issued"):
            nic.old_form(number)
