"""The one route, `POST /v1/offers/search`: a person's number in, the offers of their own office out."""

from datetime import date
from typing import Protocol

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.bearer import Refused, asked, refusing
from sandbox.faults import Faults, Faulty, WrongAnswers

from .offers import offers_of
from .settings import OffersSettings

MOST_BYTES, SHAPE = 4096, "employment-offices.json#/$defs/search"


class Homes(Protocol):
    """Where people live, as far as the offices know."""

    def district_of(self, nic: str) -> str | None:
        """The district of the person with this number in its new form; None for somebody no office knows."""


def build(homes: Homes, settings: OffersSettings, faults: Faults) -> Starlette:
    """The agency as an ASGI app, to be mounted where its settings' `url` points."""

    async def search(request: Request) -> Response:
        told = await asked(request, settings.token, SHAPE, most_bytes=MOST_BYTES)
        return JSONResponse(_answered(homes, settings, told["nic"], told["asOf"]))

    wrong = WrongAnswers(
        media_type="application/json",
        wrong_schema=b'{"office":"Colombo","offers":{}}',
        refuse=lambda _: Refused(403, "NOT_ALLOWED", "the client may not ask").response(),
    )
    app = Starlette(
        routes=[Route("/v1/offers/search", refusing(search), methods=["POST"])],
        middleware=[Middleware(Faulty, faults=faults, answers=wrong)],
    )
    app.router.redirect_slashes = False
    return app


def _answered(homes: Homes, settings: OffersSettings, nic: str, day: date) -> dict[str, object]:
    if day > settings.day:
        raise Refused(400, "DAY_INVALID", "offers are known up to today")
    district = homes.district_of(nic)
    if district is None:
        raise Refused(404, "PERSON_UNKNOWN", "no office knows this person")
    return {"office": district, "asOf": day.isoformat(), "offers": [each.wire() for each in offers_of(district, day)]}
