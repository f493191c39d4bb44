"""DCI inside X-Road: `POST /r1/{instance}/{class}/{member}/{subsystem}/{service}/registry/...`.

The envelope travels unchanged and is answered by the DCI edge, failures included; X-Road adds who calls (the
certificate's system, no token), its own headers, and the ids that the intent has beside DCI's. The path says which
registry the message is for. What a partner sends to the gateway itself (`on-search`, `notify`) goes to the gateway's
own service `dci`.

Source: PR-REST 1.0.x section 4.2, the path after the service code.
"""

from urllib.parse import unquote

from fastapi import Request
from fastapi.responses import Response

from ...catalogue import Offer
from ...profile import Profile
from ...wiring import Services
from ..body import again
from ..dci.operations import OPERATIONS, asked_of, of_reg_type
from ..dci.routes import Pin, carried
from .asking import Called, called_by, known_offer

GATEWAY_SERVICE = "dci"
BEFORE = "registry/"


def is_dci(path: str) -> bool:
    """Whether what stands after the service code is DCI's."""
    return path.startswith(BEFORE)


def is_own(provider: str, code: str, profile: Profile) -> bool:
    """Whether it is the gateway's own service, of which everybody who is registered may ask."""
    return (provider, code) == (profile.gateway, GATEWAY_SERVICE)


def dci_paths(offer: Offer | None) -> list[str]:
    """What stands after the code of a service, as its path template has it; of the gateway's own for None."""
    if offer is None:
        return [f"/{BEFORE}{path}" for path in OPERATIONS]
    interface = of_reg_type(offer.service.dci_reg_type)
    return [f"/{BEFORE}{path}" for path in asked_of(interface.name if interface else "")]


async def dci_answered(called: Called, path: str, request: Request, body: bytes, here: Services) -> Response:
    """The DCI edge's answer to the message.

    Raises:
        XRoadError: there is no such provider or service.
    """
    pin = await _pinned(called, here)
    return await carried(Request(request.scope, again(body, request.receive)), unquote(path), called.caller, here, pin)


async def _pinned(called: Called, here: Services) -> Pin:
    said = called_by(called, here)
    said |= {"user_ref": here.person_ref.officer_ref(called.user)} if called.user else {}
    said |= {"issue_ref": here.person_ref.case_ref(called.issue)} if called.issue else {}
    if is_own(called.provider.id, called.code, here.profile):
        return Pin(carried=said)
    offer = await known_offer(called.provider, called.code, here)
    return Pin(offer.provider.replace("/", "."), offer.service.id, said)
