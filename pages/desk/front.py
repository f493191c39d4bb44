"""Signing in and out by the desk's own accounts, and a page with everything around it.

The session's cookie is SameSite=Strict and HttpOnly: no other site can make the browser send it, no script can read it.
Behind https its name begins with `__Host-`. The name holds the area and the port, because browsers send cookies to
every port of a host: two desks side by side sign nobody out of the other.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import quote, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Match, Route

from .. import drafts
from ..cookies import cookies_of
from ..mending import Refused, Wrong
from ..rendering import rendered, said
from .accounts import Accounts, WrongPassword
from .forms import FormRefused, posted
from .sessions import Sessions, SignedIn, csrf_token

LOCAL = re.compile(r"(?:/[A-Za-z0-9_~-]+)+(?:\?[A-Za-z0-9._~=&%+-]*)?", re.ASCII)
WRONG = "Login and password do not belong together, or were tried too often. Wait and try again."


class NotSignedIn(Exception):
    """A page needs a session, and there is none."""


class Front:
    """The desk of one application.

    Args:
        area: first part of every page's path: `/desk`.
        origin: the public address.
        sections: the menu: (title, a key of `words/`; address).
        done: what a page may say after a form, by the code in its address: never a text from outside.
    """

    def __init__(
        self,
        accounts: Accounts,
        *,
        area: str,
        origin: str,
        sections: Sequence[tuple[str, str]],
        done: Mapping[str, str],
        sessions: Callable[[], Sessions] = Sessions,
    ) -> None:
        self.area, self.origin = area, origin
        self._accounts, self._sessions = accounts, sessions()
        self._sections, self._done = sections, done
        self._secure = origin.startswith("https://")
        self._cookie = ("__Host-" if self._secure else "") + f"sandhi{area.replace('/', '-')}" + _port(origin)

    def routes(self) -> list[Route]:
        """Sign-in and sign-out, below the area."""
        return [
            Route(f"{self.area}/sign-in", self._ask),
            Route(f"{self.area}/sign-in", self._sign_in, methods=["POST"]),
            Route(f"{self.area}/sign-out", self._sign_out, methods=["POST"]),
        ]

    def handlers(self) -> dict[type[Exception], Callable[[Request, Exception], Response]]:
        """Failures as pages, for the application's exception handlers."""
        return {NotSignedIn: self._to_sign_in, FormRefused: self._form_refused}

    def who(self, request: Request) -> SignedIn:
        """The person whose session the request carries; an account that was taken out has none.

        Raises:
            NotSignedIn.
        """
        secret = self._secret(request)
        begun = self._sessions.account(secret)
        if begun is None or self._accounts.find(begun.login) != begun:  # taken out, or somebody else's by now
            raise NotSignedIn
        return SignedIn(begun, csrf_token(secret))

    async def form(self, request: Request) -> tuple[SignedIn, Mapping[str, str]]:
        """The person, and the form sent. Raises NotSignedIn, FormRefused.

        What somebody typed whose session ended meanwhile is kept for the next sign-in.
        """
        try:
            who = self.who(request)
        except NotSignedIn:
            await self._keep(request)
            raise
        return who, await posted(request, who.csrf)

    def page(
        self,
        request: Request,
        who: SignedIn,
        template: str,
        *,
        status: int = 200,
        refused: Refused | None = None,
        **values: object,
    ) -> HTMLResponse:
        """`template` below `pages/templates`, with name, menu, form token, and what has just been done.

        `refused`: why a form of the page was not taken; it is shown again with what was typed.
        """
        chrome = {
            "home": self.area,
            "area": self.area,
            "signed_in": {"name": who.account.name, "leave": f"{self.area}/sign-out"},
            "navigation": self._menu(request.url.path),
            "csrf": who.csrf,
            "just_done": said(self._done.get(request.query_params.get("done", ""), "")),
        }
        shown = refused.shown() if refused else {}
        status = 400 if refused and status == 200 else status
        content = chrome | values | shown
        plain = request.method == "GET" and status == 200
        draft = self._sessions.draft(self._secret(request), request.url.path) if plain else None
        return HTMLResponse(drafts.shown(draft, template, content) if draft else rendered(template, **content), status)

    def done(self, address: str, code: str) -> Response:
        """After a form: to the page that shows the result (RFC 9110, 15.4.4), which says `done[code]`."""
        joint = "&" if "?" in address else "?"
        return RedirectResponse(f"{address}{joint}{urlencode({'done': code})}", 303)

    def local(self, address: str) -> str:
        """The address, if it is one of the area's own pages; else the front page (no open redirect)."""
        inside = address.partition("?")[0] == self.area or address.startswith(f"{self.area}/")
        return address if inside and LOCAL.fullmatch(address) else self.area

    def _menu(self, path: str) -> list[dict[str, object]]:
        return [
            {"text": said(title), "href": href, "active": path == href or path.startswith(f"{href}/")}
            for title, href in self._sections
        ]

    async def _ask(self, request: Request) -> Response:
        return self._sign_in_page(request.query_params.get("next", ""), "")

    async def _sign_in(self, request: Request) -> Response:
        form = await posted(request, None)
        try:
            account = await self._accounts.checked(form.get("login", ""), form.get("password", ""))
        except WrongPassword:
            return self._sign_in_page(form.get("next", ""), said(WRONG), status=400)
        secret = self._sessions.begin(account, self._secret(request))
        then = self._sessions.goes_on(secret) or form.get("next", "")
        response = RedirectResponse(self.local(then), 303)
        response.set_cookie(self._cookie, secret, path="/", secure=self._secure, httponly=True, samesite="strict")
        return response

    async def _sign_out(self, request: Request) -> Response:
        await self.form(request)
        self._sessions.end(self._secret(request))
        response = RedirectResponse(f"{self.area}/sign-in", 303)
        response.delete_cookie(self._cookie, path="/", secure=self._secure, httponly=True, samesite="strict")
        return response

    async def _keep(self, request: Request) -> None:
        """Keep a form of a session that ended by time: it carries that session's token."""
        secret = self._secret(request)
        try:
            fields = await posted(request, csrf_token(secret))
        except FormRefused:
            return
        if fields:
            self._sessions.keep(secret, request.url.path, self._stood_on(request), fields)

    def _stood_on(self, request: Request) -> str:
        """The page that a form was sent from, with its query; where that was the answer to a form, the one above."""
        path, query = urlsplit(request.headers.get("referer", ""))[2:4]
        path = path if path.startswith(f"{self.area}/") else request.url.path
        while not _is_page(request, path):
            path = path.rpartition("/")[0]
        return self.local(f"{path}?{query}" if query else path)

    def _sign_in_page(self, then: str, fault: str, *, status: int = 200) -> HTMLResponse:
        values = {"action": f"{self.area}/sign-in", "parameters": {"next": self.local(then)}, "home": self.area}
        refused = Refused([Wrong("login", fault)]).shown() if fault else {}
        return HTMLResponse(rendered("desk/sign-in.html", **values, **refused), status)

    def _to_sign_in(self, request: Request, _: Exception) -> Response:
        then = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        then = then if request.method == "GET" else self.area
        return RedirectResponse(f"{self.area}/sign-in?next={quote(then, safe='')}", 303)

    def _form_refused(self, _request: Request, _: Exception) -> Response:
        return refused("The form was not sent from a page of this session. Open the page again.", back=self.area)

    def _secret(self, request: Request) -> str:
        return cookies_of(request.headers).get(self._cookie, "")[:128]


def _is_page(request: Request, path: str) -> bool:
    """Whether there is a page at a path; above all of them there is one."""
    asked = {"type": "http", "method": "GET", "path": path, "root_path": ""}
    return not path or any(route.matches(asked)[0] is Match.FULL for route in request.app.routes)


def _port(origin: str) -> str:
    """`-8090`, where the address names a port."""
    port = urlsplit(origin).port
    return f"-{port}" if port else ""


def refused(detail: str, *, heading: str = "This was refused", back: str, status: int = 403) -> HTMLResponse:
    """A page that says why nothing happened. `detail` and `heading` are keys of `words/`."""
    values = {"heading": said(heading), "detail": said(detail), "back": back, "home": back}
    return HTMLResponse(rendered("refused.html", **values), status)
