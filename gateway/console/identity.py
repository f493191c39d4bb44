"""`/idp`: the pages and the programs' side of the built-in identity provider. Mounted only where there is one."""

from urllib.parse import parse_qsl, urlencode, urlsplit

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

import pages

from ..edges.body import read
from ..people.errors import SignInRefused
from ..people.idp import IdentityProvider
from ..people.idp.provider import Asked, NotSo
from .forms import LARGEST, posted
from .guard import refused

AT = "/idp"
HEADING = "This sign-in cannot go on"


def idp_routes(idp: IdentityProvider) -> APIRouter:
    """The routes of one issuer, which is this gateway's address and `/idp`."""
    routes = APIRouter(prefix=AT, include_in_schema=False)

    @routes.get("/authorize")
    async def ask(request: Request) -> Response:
        try:
            asked = idp.asked(parse_qsl(request.url.query, keep_blank_values=True))
        except SignInRefused as error:
            return refused(error.detail, heading=HEADING, status=400)
        except NotSo as error:
            return RedirectResponse(error.location, 303)
        return _form(asked)

    @routes.post("/authorize")
    async def allow(request: Request) -> Response:
        fields = dict(await posted(request, None))
        login, password = fields.pop("login", ""), fields.pop("password", "")
        try:
            asked = idp.asked(list(fields.items()))
        except (SignInRefused, NotSo):
            return refused("Open the page again where you came from.", heading=HEADING, status=400)
        try:
            return RedirectResponse(await idp.allowed(asked, login, password), 303)
        except SignInRefused as error:
            return _form(asked, error.detail)

    @routes.post("/token")
    async def token(request: Request) -> Response:
        return _told(idp, request, await read(request, largest=LARGEST))

    @routes.get("/end-session")
    async def end() -> Response:
        return refused("There is no session here that could last: every sign-in asks for the password.", heading="Bye")

    @routes.get("/jwks")
    @routes.get("/.well-known/openid-configuration")
    async def published(request: Request) -> Response:
        return _told(idp, request, b"")

    return routes


def _told(idp: IdentityProvider, request: Request, body: bytes) -> Response:
    path = request.url.path.removeprefix(AT)
    told = idp.answer(request.method, path, request.headers.get("authorization", ""), body)
    return JSONResponse(dict(told.body), told.status)


def _form(asked: Asked, fault: str = "") -> Response:
    """The login page. Its form may lead on to the client's own address: a policy counts for redirects too."""
    parts = urlsplit(asked.redirect_uri)
    policy = pages.POLICY.replace("form-action 'self'", f"form-action 'self' {parts.scheme}://{parts.netloc}")
    action = f"{AT}/authorize?{urlencode(asked.parameters)}"  # what a wrong password leads to can be opened again
    refused = pages.Refused([pages.Wrong("login", pages.said(fault))]).shown() if fault else {}
    html = pages.rendered("login.html", action=action, parameters=asked.parameters, **refused)
    return HTMLResponse(html, 400 if fault else 200, {"content-security-policy": policy})
