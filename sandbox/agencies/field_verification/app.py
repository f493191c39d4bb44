"""The three routes: a line of a list, a revision, and the question how far a household is."""

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.bearer import Refused, asked, fits, refusing
from sandbox.faults import Faults, Faulty, WrongAnswers

from .book import Book
from .settings import FieldSettings

SHAPES = "field-verification.json#/$defs"


def build(book: Book, settings: FieldSettings, faults: Faults) -> Starlette:
    """The agency as an ASGI app, to be mounted where its settings' `url` points."""

    async def listed(request: Request) -> Response:
        told = await asked(request, settings.token, f"{SHAPES}/visit")
        visit = fits(told["record"], "canonical/verification-visit.v1.json")
        if visit["position"] > visit["of"] or visit["gn_division"][:7] != visit["list"][:7]:
            raise Refused(400, "RECORD_INVALID", "the line is no place of this list, or in another division")
        found = book.listed(told["item"], told["nic"], visit)
        return JSONResponse({"reference": f"{found.list}#{found.position}", "state": "listed"}, 201)

    async def revised(request: Request) -> Response:
        told = await asked(request, settings.token, f"{SHAPES}/revision")
        revision = fits(told["record"], "canonical/verification-revision.v1.json")
        found = book.revised(told["item"], told["nic"], revision)
        return JSONResponse({"reference": f"{found.list}#{found.position}", "state": "revised"}, 201)

    async def searched(request: Request) -> Response:
        told = await asked(request, settings.token, f"{SHAPES}/search")
        if told["asOf"] > settings.day:
            raise Refused(400, "DAY_INVALID", "visits are known up to today")
        found = book.of(told["nic"])
        if found is None:
            raise Refused(404, "HOUSEHOLD_UNKNOWN", "no list has this person's household")
        return JSONResponse({"asOf": told["asOf"].isoformat(), **found.wire()})

    wrong = WrongAnswers(
        media_type="application/json",
        wrong_schema=b'{"state":1,"reference":7}',
        refuse=lambda _: Refused(403, "NOT_ALLOWED", "the client may not ask").response(),
    )
    handlers = {"visits": listed, "revisions": revised, "verifications/search": searched}
    app = Starlette(
        routes=[Route(f"/v1/{path}", refusing(each), methods=["POST"]) for path, each in handlers.items()],
        middleware=[Middleware(Faulty, faults=faults, answers=wrong)],
    )
    app.router.redirect_slashes = False
    return app
