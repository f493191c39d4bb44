"""`/errors/{code}`: what a code means, who fixes it, and whether to try again; where `type` of a problem points to.

The pages are those of `docs/errors`, as they are: text that a person reads in a browser or a terminal.
"""

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse, Response

from .v1.problems import CODES, problem

PAGES = Path(__file__).parents[2] / "docs" / "errors"
A_DAY = {"cache-control": "max-age=86400", "x-content-type-options": "nosniff"}


def explained_routes() -> APIRouter:
    """The page of each code, and their list. Open to all: nothing personal is there."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/errors")
    async def codes() -> Response:
        lines = (f"/errors/{code}  {known.status}  {known.title}" for code, known in CODES.items())
        return PlainTextResponse("\n".join(lines) + "\n", headers=A_DAY)

    @routes.get("/errors/{code}")
    async def page(code: str) -> Response:
        if code not in CODES:
            return problem("not_found", "There is no such code; GET /errors has the list.")
        return PlainTextResponse((PAGES / f"{code}.md").read_text("utf-8"), headers=A_DAY)

    return routes
