"""The two routes: a case comes in, and the cases of a person are asked."""

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.bearer import Refused, asked, fits, refusing
from sandbox.faults import Faults, Faulty, WrongAnswers

from .desk import Desk
from .settings import DeskSettings

OPENING, SEARCHING = frozenset({"item", "nic", "record"}), frozenset({"nic", "asOf"})
SHAPE = "canonical/grievance.v1.json"


def build(desk: Desk, settings: DeskSettings, faults: Faults) -> Starlette:
    """The agency as an ASGI app, to be mounted where its settings' `url` points."""

    async def opened(request: Request) -> Response:
        told = await asked(request, settings.token, OPENING)
        case = desk.opened(told["item"], told["nic"], fits(told["record"], SHAPE), settings.day)
        return JSONResponse({"reference": case.number, "state": "taken", "office": case.office}, 201)

    async def searched(request: Request) -> Response:
        told = await asked(request, settings.token, SEARCHING)
        if told["asOf"] > settings.day:
            raise Refused(400, "DAY_INVALID", "cases are known up to today")
        cases = [case.wire() for case in desk.of(told["nic"]) if case.opened <= told["asOf"].isoformat()]
        return JSONResponse({"asOf": told["asOf"].isoformat(), "cases": cases})

    wrong = WrongAnswers(
        media_type="application/json",
        wrong_schema=b'{"cases":{},"reference":7}',
        refuse=lambda _: Refused(403, "NOT_ALLOWED", "the client may not ask").response(),
    )
    app = Starlette(
        routes=[
            Route("/v1/cases", refusing(opened), methods=["POST"]),
            Route("/v1/cases/search", refusing(searched), methods=["POST"]),
        ],
        middleware=[Middleware(Faulty, faults=faults, answers=wrong)],
    )
    app.router.redirect_slashes = False
    return app
