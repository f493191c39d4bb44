"""The one route, `POST /v1/offers/search`: a person's number in, the offers of their own office out."""

import re
import secrets
from collections.abc import Mapping
from datetime import date
from typing import Protocol

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox import strict
from sandbox.faults import Faults, Faulty, WrongAnswers
from sandbox.nic import NEW, OLD, normal

from .offers import offers_of
from .settings import OffersSettings

MOST_BYTES = 4096
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


class Homes(Protocol):
    """Where people live, as far as the offices know."""

    def district_of(self, nic: str) -> str | None:
        """The district of the person with this number in its new form; None for somebody no office knows."""


class Refused(Exception):
    """The request is not answered; `code` is one of the profile's."""

    def __init__(self, status: int, code: str, text: str) -> None:
        super().__init__(text)
        self.status, self.code, self.text = status, code, text

    def response(self) -> Response:
        return JSONResponse({"code": self.code, "message": self.text}, self.status)


def build(homes: Homes, settings: OffersSettings, faults: Faults) -> Starlette:
    """The agency as an ASGI app, to be mounted where its settings' `url` points."""

    async def search(request: Request) -> Response:
        try:
            _check_token(request, settings.token)
            nic, day = await _asked(request)
            return JSONResponse(_answered(homes, settings, nic, day))
        except Refused as refused:
            return refused.response()

    wrong = WrongAnswers(
        media_type="application/json",
        wrong_schema=b'{"office":"Colombo","offers":{}}',
        refuse=lambda _: Refused(403, "NOT_ALLOWED", "the client may not ask").response(),
    )
    app = Starlette(
        routes=[Route("/v1/offers/search", search, methods=["POST"])],
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


def _check_token(request: Request, token: str) -> None:
    shown = request.headers.get("authorization", "")
    if not secrets.compare_digest(shown.encode(), f"Bearer {token}".encode()):
        raise Refused(401, "TOKEN_INVALID", "send Authorization: Bearer <token>")


async def _asked(request: Request) -> tuple[str, date]:
    """Number in its new form, and day. Just these two members: the offices want to know nothing else."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Refused(415, "REQUEST_INVALID", "send application/json")
    try:
        body = strict.loads(await strict.bounded(request.stream(), MOST_BYTES))
    except strict.BodyTooLarge as error:
        raise Refused(413, "REQUEST_INVALID", str(error)) from None
    except strict.NotStrictJson as error:
        raise Refused(400, "REQUEST_INVALID", f"the body is not acceptable JSON: {error}") from None
    if not isinstance(body, Mapping) or set(body) != {"nic", "asOf"}:
        raise Refused(400, "REQUEST_INVALID", "send nic and asOf, and nothing else")
    nic, day = body["nic"], body["asOf"]
    if not isinstance(nic, str) or not (OLD.fullmatch(nic) or NEW.fullmatch(nic)):
        raise Refused(400, "NIC_INVALID", "nic is no national number")
    try:
        return normal(nic), date.fromisoformat(day if isinstance(day, str) and _DAY.fullmatch(day) else "")
    except ValueError:
        raise Refused(400, "DAY_INVALID", "asOf is a day, YYYY-MM-DD") from None
