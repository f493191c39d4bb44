"""A setting that is a number is one, or a sentence says which is not and what would be."""

import pytest

from gateway.call_limits import shares_of
from gateway.settings import SettingError, Settings


def read(**settings: str) -> Settings:
    return Settings.read({f"SANDHI_{name}": value for name, value in settings.items()})


def test_a_number_is_read_whether_whole_or_not() -> None:
    settings = read(EXCHANGE_DEADLINE="2.5", BATCH_LINES="10")
    assert (settings.number("EXCHANGE_DEADLINE"), settings.number("BATCH_LINES", 10)) == (2.5, 10)


@pytest.mark.parametrize("value", ["soon", "-1", "inf", "nan", "1e999"])
def test_what_is_no_number_is_refused_by_its_name(value: str) -> None:
    with pytest.raises(SettingError, match=r"^SANDHI_EXCHANGE_DEADLINE is a number, 0 or more$"):
        read(EXCHANGE_DEADLINE=value).number("EXCHANGE_DEADLINE")


def test_a_number_beyond_the_most_is_refused_with_the_most() -> None:
    with pytest.raises(SettingError, match=r"^SANDHI_MISS_RATE is a number, from 0 to 1$"):
        read(MISS_RATE="1.5").number("MISS_RATE", 1)


def test_a_limit_that_is_no_number_is_found_when_the_limits_are_made() -> None:
    with pytest.raises(SettingError, match="SANDHI_LIMIT_TOTAL"):
        shares_of(read(LIMIT_TOTAL="many"))
