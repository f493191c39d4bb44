"""In which language a page speaks: the one chosen on a page, else the best that the browser asks for.

The English text in a template is the key; `words/<code>.json` holds the others. The choice is a cookie without any
meaning beyond it. Source: RFC 9110, section 12.5.4 (Accept-Language).
"""

import json
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .cookies import cookies_of
from .reachable import Reachable

WORDS = Path(__file__).parent / "words"
COOKIE = "sandhi-language"
A_YEAR_S = 365 * 24 * 3600


class Titled(str):
    """A text that somebody else wrote, with what it is called in other languages, by their code."""

    __slots__ = ("others",)
    others: Mapping[str, str]

    def __new__(cls, text: str, others: Mapping[str, str]) -> "Titled":
        """`Titled("Births and deaths", {"ta": ...})`."""
        made = super().__new__(cls, text)
        made.others = others
        return made


@dataclass(frozen=True, slots=True)
class Language:
    """`code` is BCP 47's, `direction` is `ltr` or `rtl`; `words` maps the English text to this language's."""

    code: str
    name: str
    direction: str
    words: Mapping[str, str]

    def said(self, text: str) -> str:
        """The text in this language; English where nobody has translated it yet. Our words go before another's."""
        others = text.others if isinstance(text, Titled) else {}
        return self.words.get(text) or others.get(self.code, text)


def _language(code: str, name: str, direction: str = "ltr") -> Language:
    file = WORDS / f"{code}.json"
    return Language(code, name, direction, json.loads(file.read_text("utf-8")) if file.exists() else {})


LANGUAGES = {each.code: each for each in (_language("en", "English"), _language("si", "සිංහල"), _language("ta", "தமிழ்"))}
ENGLISH = LANGUAGES["en"]


@dataclass(frozen=True, slots=True)
class Spoken:
    """What the page being made needs to know of its request: language, clock, and the address to come back to."""

    language: Language = ENGLISH
    path: str = ""
    query: tuple[tuple[str, str], ...] = ()
    zone: tzinfo = UTC

    def address(self, **changes: str) -> str:
        """This page's own address with some of its query changed; an empty value takes a name out."""
        kept = [(name, value) for name, value in self.query if name not in changes]
        query = urlencode(kept + [(name, value) for name, value in changes.items() if value])
        return f"{self.path}?{query}" if query else self.path


ELSEWHERE = Spoken()
NOW: ContextVar[Spoken] = ContextVar("spoken", default=ELSEWHERE)


class Speaking:
    """ASGI: choose the language of each request; `?lang=si` chooses it for good. `zone`: whose clocks pages show."""

    def __init__(self, app: ASGIApp, *, zone: tzinfo, secure: bool = False) -> None:
        self._app = Reachable(app)  # inside: a language is chosen on the way to the page
        self._zone = zone
        self._attributes = f"; Path=/; Max-Age={A_YEAR_S}; SameSite=Lax; HttpOnly{'; Secure' if secure else ''}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        wanted = dict(query).get("lang", "")
        language = LANGUAGES.get(wanted) or _remembered(Headers(scope=scope))
        rest = tuple(pair for pair in query if pair[0] != "lang")
        token = NOW.set(Spoken(language, scope["path"], rest, self._zone))

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start" and wanted in LANGUAGES:
                cookie = f"{COOKIE}={wanted}{self._attributes}"
                MutableHeaders(scope=message).append("set-cookie", cookie)
            await send(message)

        try:
            return await self._app(scope, receive, sending)
        finally:
            NOW.reset(token)


def _remembered(headers: Headers) -> Language:
    chosen = LANGUAGES.get(cookies_of(headers).get(COOKIE, ""))
    return chosen or _preferred(headers.get("accept-language", ""))


def _preferred(accepted: str) -> Language:
    """The best of ours; a malformed weight counts as nothing."""
    found: list[tuple[float, str]] = []
    for part in accepted[:200].split(","):
        tag, _, weight = part.partition(";")
        code = tag.strip().lower().partition("-")[0]
        if code in LANGUAGES:
            found.append((_weight(weight), code))
    best: Any = max(found, key=lambda each: each[0], default=(0.0, "en"))
    return LANGUAGES[best[1]] if best[0] > 0 else ENGLISH


def _weight(text: str) -> float:
    name, _, value = text.strip().partition("=")
    if not name:
        return 1.0
    try:
        return float(value) if name == "q" else 0.0
    except ValueError:
        return 0.0
