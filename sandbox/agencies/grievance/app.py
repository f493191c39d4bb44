"""The three routes: a case comes in, so does what was done about it, and the cases of a person are asked."""

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.bearer import Refused, asked, fits, refusing
from sandbox.faults import Faults, Faulty, WrongAnswers

from .desk import Desk
from .settings import DeskSettings

SHAPE, ACTION = "canonical/grievance.v1.json", "canonical/action-taken.v1.json"


def build(desk: Desk, settings: DeskSettings, faults: Faults) -> Starlette:
    """The agency as an ASGI app, to be mounted where its settings' `url` points."""

    async def opened(request: Request) -> Response:
        told = await asked(request, settings.token, "grievance.json#/$defs/open")
        case = desk.opened(told["item"], told["nic"], fits(told["record"], SHAPE), settings.day)
        return JSONResponse({"reference": case.number, "state": "taken", "office": case.office}, 201)

    async def acted(request: Request) -> Response:
        told = await asked(request, settings.token, "grievance.json#/$defs/act")
        record = fits(told["record"], ACTION)
        if record["acted_on"] > settings.day.isoformat():
            raise Refused(400, "DAY_INVALID", "what was done was done by today")
        desk.acted(told["item"], told["nic"], record)
        return JSONResponse({"reference": record["case"], "state": "noted"}, 201)

    async def searched(request: Request) -> Response:
        told = await asked(request, settings.token, "grievance.json#/$defs/search")
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
            Route("/v1/actions", refusing(acted), methods=["POST"]),
            Route("/v1/cases/search", refusing(searched), methods=["POST"]),
        ],
        middleware=[Middleware(Faulty, faults=faults, answers=wrong)],
    )
    app.router.redirect_slashes = False
    return app
