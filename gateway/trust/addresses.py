"""Addresses that a system registers: held against what may be dialled from here before they are taken in.

What a name leads to is vetted again inside every connect (`adapters/kit/egress.py`): a name may change its mind.
"""

from collections.abc import Callable, Iterable

from adapters.kit.http_client import NotAllowed

from .errors import AddressRefused
from .parties import Offered

MayDial = Callable[[str], object]
"""Raises `NotAllowed` for an address that is never dialled: `Dialler.check_url`."""


def check_address(what: str, url: str, may_dial: MayDial) -> None:
    """Raise AddressRefused for an address that is never dialled. `what` names it; the text does not repeat the URL."""
    try:
        may_dial(url)
    except NotAllowed as error:
        raise AddressRefused(f"{what} may not be dialled from here: {error.detail}") from None


def check_callbacks(services: Iterable[Offered], may_dial: MayDial) -> None:
    """The same for where deliveries go."""
    for each in services:
        check_address(f"the callback address of {each.name}", each.callback_url, may_dial)
