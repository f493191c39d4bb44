"""National identity card numbers in their two forms.

Old: `yydddnnncV` (or `X`), born in 19yy. New: `yyyydddnnnnc`. `ddd` is the day of the year, counted with a
29-day February in every year, plus 500 for women. The check digit's algorithm is not published: it is never checked.
"""

import re
from datetime import date, timedelta

OLD = re.compile(r"[0-9]{9}[VX]")
NEW = re.compile(r"[0-9]{12}")
LEAP = date(2000, 1, 1)  # a year with a 29-day February, for counting days


def number(birth_date: date, sex: str, serial: str) -> str:
    """The new form of a number; `serial` is its last five digits."""
    day = birth_date.replace(year=LEAP.year).timetuple().tm_yday
    return f"{birth_date.year}{day + (500 if sex == 'female' else 0):03d}{serial}"


def normal(nic: str) -> str:
    """The new form of a number in either form: `19` + yy + ddd + `0` + nnn + c.

    Raises:
        ValueError: the text is in neither form.
    """
    if OLD.fullmatch(nic):
        return f"19{nic[:5]}0{nic[5:9]}"
    if NEW.fullmatch(nic):
        return nic
    raise ValueError("not a NIC number in the old or the new form")


def old_form(nic: str) -> str:
    """The old form of a number in the new one.

    Raises:
        ValueError: the number was never issued in the old form.
    """
    if not has_old_form(nic):
        raise ValueError("this NIC number was never issued in the old form")
    return f"{nic[2:7]}{nic[8:]}V"


def has_old_form(nic: str) -> bool:
    return nic.startswith("19") and nic[7] == "0"


def birth_date(nic: str) -> date:
    """The birth date inside a number in either form.

    Raises:
        ValueError: the text is in neither form, or its day does not exist in its year.
    """
    new = normal(nic)
    day = LEAP + timedelta(days=int(new[4:7]) % 500 - 1)
    return day.replace(year=int(new[:4]))
