"""Settings that are numbers, and the limits that they make."""

from .settings import SettingError, Settings
from .trust.limits import Shares
from .trust.policy import Limits

ANY = float("inf")


def shares_of(settings: Settings) -> Shares:
    """The limits that the settings name.

    Raises:
        SettingError: one of them is no number, or below 0.
    """
    per_second, agreed_per_second = number(settings, "LIMIT_RATE"), number(settings, "LIMIT_AGREEMENT_RATE")
    concurrent, agreed = number(settings, "LIMIT_CONCURRENT"), number(settings, "LIMIT_AGREEMENT_CONCURRENT")
    return Shares(
        Limits(per_second, int(2 * per_second), int(concurrent)),
        gateway=int(number(settings, "LIMIT_TOTAL")),
        agreement=Limits(agreed_per_second, 0, int(agreed)),
        peer=Limits(of_peer := number(settings, "LIMIT_PEER_RATE"), int(4 * of_peer)),
    )


def number(settings: Settings, name: str, most: float = ANY) -> float:
    """A setting from 0 to `most`.

    Raises:
        SettingError: it is none.
    """
    try:
        found = float(settings[name])
    except ValueError:
        found = -1.0
    if not 0 <= found <= most or found == ANY:
        limit = "where 0 is no limit" if most == ANY else f"to {most:g}"
        raise SettingError(f"SANDHI_{name} is a number from 0, {limit}")
    return found
