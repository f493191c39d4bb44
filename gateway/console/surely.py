"""What is hard to take back is asked about first: what it will do, once more, and why, which the log keeps.

So are retiring and suspending, taking a role away, and taking a version of an adapter off line: to have it back takes
time, or a second person. A single press is enough for what the next press undoes (the end of an outage, letting a
consumer go on), for what only begins to be decided (a proposal, which its maker takes back, and dead letters, which a
second person releases or drops), and for what has its own place for a reason (to reject, to stop a consumer).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from fastapi.responses import Response

from pages import Refused, Wrong

from ..edges.v1.why import Why
from ..people import SignedIn
from ..wiring import Services
from .page import page
from .reason import fault_in
from .refusals import told

CONFIRMED = "confirmed"
Sure = tuple[str, tuple[str, ...], str]
"""What is asked first: heading, what will happen, button."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Texts are keys of `pages/words/`; `values` are theirs.

    Attributes:
        heading: the question.
        told: what will happen, a sentence each.
        button: what the button does.
        back: the page to go back to.
    """

    heading: str
    told: tuple[str, ...]
    button: str
    back: str
    values: Mapping[str, str]


def asked_first(request: Request, who: SignedIn, form: dict[str, Any], step: Asked) -> Response | Why:
    """The page that asks; where this form is its answer, why. The answer's own fields are taken out of `form`."""
    here: Services = request.app.state.services
    confirmed, reason = form.pop(CONFIRMED, "") == "yes", str(form.pop("reason", "")).strip()
    fault = fault_in(reason, here) if confirmed else ""
    if confirmed and not fault:
        return Why.said(reason, here.profile)
    values: dict[str, Any] = {"step": step, "fields": form, "at": request.url.path, "reason": reason, "reasoned": True}
    refused = Refused([Wrong("reason", told(fault))], {"reason": reason}) if fault else None
    return page(request, who, "console/surely.html", refused=refused, **values)


def sure(request: Request, who: SignedIn, form: Mapping[str, str], step: Asked) -> Response | None:
    """The page that asks about a step whose entry keeps no reason; None where this form is its answer."""
    if form.get(CONFIRMED) == "yes":
        return None
    values: dict[str, Any] = {"step": step, "fields": form, "at": request.url.path, "reason": "", "reasoned": False}
    return page(request, who, "console/surely.html", **values)
