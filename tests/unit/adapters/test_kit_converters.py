import pytest

from adapters.kit import converters
from adapters.kit.converters import CONVERTERS, ConverterError


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("text", " Perera ", "Perera"),
        ("integer", 6, 6),
        ("integer", "-06", -6),
        ("boolean", True, True),
        ("boolean", "1", True),
        ("boolean", "false", False),
        ("date_iso", "2026-10-31", "2026-10-31"),
        ("date_iso", "2026-10-31Z", "2026-10-31"),
        ("date_iso", "2026-10-31+05:30", "2026-10-31"),
        ("date_iso_or_empty", "", None),
        ("date_iso_or_empty", "0001-01-01", None),
        ("date_iso_or_empty", "2026-02-28", "2026-02-28"),
        ("date_ymd_slashes", "1990/11/25", "1990-11-25"),
        ("date_dmy_slashes", "25/11/1990", "1990-11-25"),
        ("date_epoch_ms", "1772303400000", "2026-03-01"),
        ("date_epoch_ms", 1772303399999, "2026-02-28"),
        ("month", 202609, "2026-09"),
        ("month", "202612", "2026-12"),
        ("month_iso", "2026-09", "2026-09"),
        ("month_dotted", "09.2026", "2026-09"),
        ("cents", 1050, "10.50"),
        ("cents", "-5", "-0.05"),
        ("decimal", 4765.3, "4765.30"),
        ("decimal", "0", "0.00"),
        ("decimal", 99999999999.98, "99999999999.98"),
        ("tax_year", "18-19", "2018-19"),
        ("tax_year", "2025-26", "2025-26"),
        ("tax_year", "99-00", "2099-00"),
        ("sex", "Male", "male"),
        ("sex", "F", "female"),
        ("sex", "x", "unknown"),
    ],
)
def test_each_notation_is_read(name: str, value: object, expected: object) -> None:
    assert CONVERTERS[name](value) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("text", "  "),
        ("text", 1),
        ("integer", True),
        ("integer", "1.0"),
        ("integer", "１"),
        ("boolean", "yes"),
        ("boolean", 1),
        ("date_iso", "2026-02-29"),
        ("date_iso", "2026-1-1"),
        ("date_iso", "31/10/2026"),
        ("date_iso", None),
        ("date_iso_or_empty", None),
        ("date_ymd_slashes", "25/11/1990"),
        ("date_dmy_slashes", "1990/11/25"),
        ("date_dmy_slashes", "٢٥/11/1990"),
        ("date_epoch_ms", "yesterday"),
        ("date_epoch_ms", 10**18),
        ("month", 0),
        ("month", "202613"),
        ("month", True),
        ("month_iso", "2026-9"),
        ("month_dotted", "2026.09"),
        ("cents", 10.5),
        ("cents", "10.50"),
        ("decimal", 10.005),
        ("decimal", "NaN"),
        ("decimal", "1e400"),
        ("decimal", True),
        ("tax_year", "2018-20"),
        ("tax_year", "2018"),
        ("sex", None),
    ],
)
def test_anything_else_is_refused_without_showing_it(name: str, value: object) -> None:
    with pytest.raises(ConverterError) as caught:
        CONVERTERS[name](value)
    assert str(value) not in str(caught.value) or not str(value).strip()


def test_every_converter_says_what_it_reads() -> None:
    assert all(converter.__doc__ for converter in CONVERTERS.values())


@pytest.mark.parametrize(
    ("name", "told", "meant"),
    [
        ("date:DD.MM.YYYY", "31.10.2026", "2026-10-31"),
        ("date:YYYYMMDD", 20261031, "2026-10-31"),
        ("date:MM/DD/YYYY", "10/31/2026", "2026-10-31"),
        ("month:MM/YYYY", "09/2026", "2026-09"),
        ("month:YYYY MM", "2026 09", "2026-09"),
        ("decimal_grouped", "1,250.00", "1250.00"),
        ("decimal_grouped", "-1,25,000", "-125000.00"),
    ],
)
def test_a_notation_is_declared_where_it_is_used(name: str, told: object, meant: str) -> None:
    convert = converters.named(name)
    assert convert is not None
    assert convert(told) == meant


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("date:DD.MM.YYYY", "10.31.2026"),
        ("date:DD.MM.YYYY", "31/10/2026"),
        ("month:MM/YYYY", "13/2026"),
        ("month:MM/YYYY", "09/2026 "),
        ("month:MM/YYYY", True),
        ("decimal_grouped", "1,2,3"),
        ("decimal_grouped", ",50"),
    ],
)
def test_another_notation_than_the_declared_one_is_refused_and_never_told(name: str, told: object) -> None:
    convert = converters.named(name)
    assert convert is not None
    with pytest.raises(ConverterError) as caught:
        convert(told)
    assert str(told) not in str(caught.value)


@pytest.mark.parametrize(
    "name", ["date:DD.MM", "date:DD.MM.YYYY.DD", "month:MM", "text:YYYY", "date:DD.*MM.*YYYY", "date:", "nobody"]
)
def test_what_is_no_notation_is_no_converter(name: str) -> None:
    assert converters.named(name) is None
