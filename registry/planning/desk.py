"""The desk: who may sign in, which pages there are, and what goes wrong on them as a page."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

import pages
from pages.desk import Accounts, Front, Guard, refused, static

from ..consents import HERE
from ..errors import NotThere, StepFailed
from ..stage import Stage
from .overviews import Overviews
from .places import Places
from .reviews import Reviews

AREA = "/desk"
SECTIONS = (
    ("The list", f"{AREA}/lines"),
    ("Enrolment", f"{AREA}/enrolment"),
    ("Control report", f"{AREA}/control"),
)
DONE = {
    "approved": "Approved.",
    "rejected": "Rejected.",
    "commented": "Your comment is kept.",
    "released": "The control report was released and signed.",
}
Handlers = dict[Any, Callable[[Request, Exception], Response]]


def accounts(folder: Path) -> Accounts:
    """Who may sign in at the registry of this folder."""
    return Accounts(folder / "accounts.json")


def routes(stage: Stage, places: Places) -> tuple[list[BaseRoute], Mapping[Any, Any]]:
    """(routes, exception handlers) of all pages over one registry."""
    front = Front(
        accounts(stage.settings.folder), area=AREA, origin=stage.settings.public_url, sections=SECTIONS, done=DONE
    )
    reviews, overviews = Reviews(stage, front, places), Overviews(stage, front, places)
    found: list[BaseRoute] = [
        Route("/", _home),
        Route(AREA, _home),
        Route("/static/{name:path}", static),
        *front.routes(),
        Route(f"{AREA}/lines", reviews.listed),
        Route(f"{AREA}/lines/table", reviews.table),
        Route(f"{AREA}/lines/find", reviews.find, methods=["POST"]),
        Route(f"{AREA}/lines/approve", reviews.several("approve"), methods=["POST"]),
        Route(f"{AREA}/lines/reject", reviews.several("reject"), methods=["POST"]),
        Route(f"{AREA}/lines/{{number:int}}", reviews.one),
        Route(f"{AREA}/lines/{{number:int}}", reviews.decide, methods=["POST"]),
        Route(f"{AREA}/lines/{{number:int}}/household", overviews.household),
        Route(f"{AREA}/enrolment", overviews.enrolment),
        Route(f"{AREA}/control", overviews.control),
        Route(f"{AREA}/control", overviews.release, methods=["POST"]),
        Route(f"{AREA}/control/signed", overviews.signed),
    ]
    handlers: Handlers = {**front.handlers(), StepFailed: _failed, HTTPException: _gone}
    return found, handlers


def around(app: ASGIApp, origin: str) -> ASGIApp:
    """The application with what every page needs: a language, and what a browser may do."""
    speaking = pages.Speaking(app, zone=HERE, secure=origin.startswith("https://"))
    return Guard(speaking, origin=origin, prefixes=(AREA, "/static"))


async def _home(_: Request) -> Response:
    return RedirectResponse(f"{AREA}/lines", 303)


def _failed(_: Request, error: Exception) -> Response:
    status = 404 if isinstance(error, NotThere) else 400
    return refused(str(error), heading="This cannot be done", back=AREA, status=status)


def _gone(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if not request.url.path.startswith(AREA):
        return PlainTextResponse(error.detail, error.status_code, headers=error.headers)
    return refused("There is no such page.", heading="Not found", back=AREA, status=error.status_code)
