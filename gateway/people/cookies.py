"""The cookies of the pages for people.

The session cookies are SameSite=Strict: no other site can make the browser send them. The way back from an identity
provider is a navigation that another site began, so the cookie that ties a browser to the sign-in it started is Lax,
and lives ten minutes; it holds the sign-in itself, sealed, so that an anonymous visitor leaves nothing in the database.
Behind https all are `__Host-`: no subdomain and no plain connection can set them. On loopback without TLS a browser
would not take that prefix.
"""

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from pages.cookies import cookies_of

from ..trust.errors import SealBroken
from ..trust.seal import Seal

SIGN_IN_LIVES = timedelta(minutes=10)
ROW = "cookie:signin"
LARGEST = 4000


@dataclass(frozen=True, slots=True)
class Cookies:
    """Names and attributes, as the public address asks for them."""

    secure: bool
    seal: Seal

    @classmethod
    def of(cls, origin: str, seal: Seal) -> "Cookies":
        """For a gateway at this address."""
        return cls(origin.startswith("https://"), seal)

    def name(self, area: str) -> str:
        """Of the session of `console` or `my-data`, or of `signin`."""
        return f"__Host-sandhi-{area}" if self.secure else f"sandhi-{area}"

    def secret(self, request_cookies: dict[str, str], area: str) -> str:
        """The session's number that the browser sent; empty if none."""
        return request_cookies.get(self.name(area), "")[:128]

    def begin(self, response: Response, area: str, secret: str) -> None:
        """Let the browser keep a session; it forgets it when it is closed."""
        self._set(response, area, secret, strict=True)

    def end(self, response: Response, area: str) -> None:
        """Let the browser forget a session."""
        response.delete_cookie(self.name(area), path="/", secure=self.secure, httponly=True, samesite="strict")

    def keep_sign_in(self, response: Response, content: dict[str, Any], now: datetime) -> None:
        """Tie a sign-in that begins to this browser."""
        until = {"until": (now + SIGN_IN_LIVES).timestamp()}
        sealed = self.seal.sealed(ROW, json.dumps(content | until, separators=(",", ":")).encode())
        lives = int(SIGN_IN_LIVES.total_seconds())
        self._set(response, "signin", base64.urlsafe_b64encode(sealed).decode(), strict=False, max_age=lives)

    def sign_in(self, request: Request, now: datetime) -> dict[str, Any] | None:
        """The sign-in that this browser began, if it is ours, whole and not too old."""
        text = cookies_of(request.headers).get(self.name("signin"), "")
        if not 0 < len(text) <= LARGEST:
            return None
        try:
            found = json.loads(self.seal.opened(ROW, base64.urlsafe_b64decode(text)))
        except (SealBroken, binascii.Error, ValueError):
            return None
        return found if isinstance(found, dict) and now.timestamp() < found["until"] else None

    def forget_sign_in(self, response: Response) -> None:
        """It has ended, well or not."""
        response.delete_cookie(self.name("signin"), path="/", secure=self.secure, httponly=True, samesite="lax")

    def _set(self, response: Response, area: str, value: str, *, strict: bool, max_age: int | None = None) -> None:
        response.set_cookie(
            self.name(area),
            value,
            max_age=max_age,
            path="/",
            secure=self.secure,
            httponly=True,
            samesite="strict" if strict else "lax",
        )
