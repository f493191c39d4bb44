"""The limits on calls that the settings name."""

from .settings import Settings
from .trust.limits import Shares
from .trust.policy import Limits


def shares_of(settings: Settings) -> Shares:
    """The limits that the settings name.

    Raises:
        SettingError: one of them is no number, or below 0.
    """
    per_second, agreed_per_second = settings.number("LIMIT_RATE"), settings.number("LIMIT_AGREEMENT_RATE")
    concurrent, agreed = settings.number("LIMIT_CONCURRENT"), settings.number("LIMIT_AGREEMENT_CONCURRENT")
    return Shares(
        Limits(per_second, int(2 * per_second), int(concurrent)),
        gateway=int(settings.number("LIMIT_TOTAL")),
        agreement=Limits(agreed_per_second, 0, int(agreed)),
        peer=Limits(of_peer := settings.number("LIMIT_PEER_RATE"), int(4 * of_peer)),
    )
