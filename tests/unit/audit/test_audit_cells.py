"""A report opened in a spreadsheet program shows text, whatever somebody called their agreement."""

import pytest

from audit import views


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20", "\t", "\r", "\n"])
def test_no_sign_of_a_formula_narrow_or_wide_begins_a_cell(sign: str) -> None:
    assert views.safe(f"{sign}1+1") == f"'{sign}1+1"
