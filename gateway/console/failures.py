"""What goes wrong on a page, as a page; and what goes wrong for an officer at `/v1`, as a problem."""

import logging
from typing import cast
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

import pages

from ..edges.v1.problems import problem
from ..people import People, PeopleError
from ..people.errors import NotFresh, SignInRefused
from ..people.people import CONSOLE
from . import drafts
from .forms import FormRefused
from .guard import is_page, refused

logger = logging.getLogger("sandhi.people")


class ReasonWanted(Exception):
    """The officer has not said why evidence is read, or said so an hour ago."""


class NotSignedIn(Exception):
    """A page of an area needs a session, and there is none."""

    def __init__(self, area: str) -> None:
        super().__init__(area)
        self.area = area


def install(app: FastAPI) -> None:
    """Let every failure of a page leave as a page."""
    app.add_exception_handler(NotSignedIn, _sign_in)
    app.add_exception_handler(ReasonWanted, _reason)
    app.add_exception_handler(SignInRefused, _sign_in_refused)
    app.add_exception_handler(FormRefused, _form)
    app.add_exception_handler(PeopleError, _people)


async def _sign_in(request: Request, error: Exception) -> Response:
    area = cast("NotSignedIn", error).area
    if request.method == "GET":
        return RedirectResponse(f"/{area}/sign-in?next={quote(request.url.path)}", 303)
    then = drafts.stood_on(request, area)
    await drafts.keep(request, area, then)
    return RedirectResponse(f"/{area}/sign-in?next={quote(then, safe='')}", 303)


async def _reason(request: Request, _: Exception) -> Response:
    """Ask why; then back to the page, with the form that was sent filled in once more."""
    then = f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path
    if request.method != "GET":
        then = drafts.stood_on(request, CONSOLE)
        await drafts.keep(request, CONSOLE, then)
    return RedirectResponse(f"/console/reason?next={quote(then, safe='')}", 303)


async def _sign_in_refused(request: Request, error: Exception) -> Response:
    found = cast("SignInRefused", error)
    logger.warning("not signed in: %s", found.reason)
    area = request.url.path.split("/")[1]
    response = refused(found.detail, heading="You are not signed in", back=f"/{area}/sign-in")
    people: People = request.app.state.people
    people.cookies.forget_sign_in(response)
    return response


async def _form(request: Request, _: Exception) -> Response:
    area = request.url.path.split("/")[1]
    return refused("The form is not of this session any more. Open the page again, then repeat.", back=f"/{area}")


async def _people(request: Request, error: Exception) -> Response:
    if isinstance(error, NotFresh) and is_page(request.url.path):
        then = drafts.stood_on(request, CONSOLE)
        kept = await drafts.keep(request, CONSOLE, then)
        return HTMLResponse(pages.rendered("confirm.html", then=then, kept=kept), 403)
    found = cast("PeopleError", error)
    return problem(found.code, found.detail)
