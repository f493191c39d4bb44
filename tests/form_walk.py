"""Walking the pages of one area by their links, and sending every form that stands there, for tests of forms."""

import re
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import urljoin, urlsplit

import httpx
from lxml.html import HtmlElement, fromstring

EDITABLE = (
    ".//input[not(@type='hidden') and not(@type='file') and not(@type='submit') and not(@type='checkbox')]"
    " | .//textarea | .//select"
)
WRONG = {"date": "30-02-2026", "datetime-local": "yesterday", "number": "many", "time": "25:61"}
"""What a browser without a check of its own lets through, by the type of the field; any other gets a control sign."""
Sends = Mapping[str, str]


@dataclass(slots=True)
class Walk:
    """As much of a browser as forms need. `pages`: address -> the page, as it was first seen."""

    http: httpx.AsyncClient
    origin: str
    area: str
    pages: dict[str, HtmlElement] = field(default_factory=dict)

    async def walked(self, *starts: str, most: int = 120) -> "Walk":
        """Look at every page that links lead to, one of each kind of query."""
        waiting, seen = [*starts], set[str]()
        while waiting and len(self.pages) < most:
            address = waiting.pop(0)
            if (place := _kind(address)) in seen:
                continue
            seen.add(place)
            answer = await self.http.get(address, follow_redirects=True)
            if answer.status_code != 200 or "text/html" not in answer.headers["content-type"]:
                continue
            page = self.pages[answer.url.raw_path.decode()] = fromstring(answer.text)
            waiting += [each for each in _links(page) if urlsplit(each).path.startswith(self.area)]
        return self

    def forms(self) -> Iterator[tuple[str, HtmlElement]]:
        """Each form of the main part once, with the address of its page."""
        seen = set[str]()
        for address, page in self.pages.items():
            for form in nodes(page, "//main//form"):
                names = ",".join(sorted({each.get("name", "") for each in nodes(form, ".//*[@name]")}))
                if (place := f"{form.get('method')} {_kind(form.get('action', ''))} {names}") not in seen:
                    seen.add(place)
                    yield address, form

    async def sent(self, address: str, form: HtmlElement, typed: Sends) -> httpx.Response:
        """The form as it stands, with `typed` over it, by its first button."""
        fields = dict(form.form_values()) | typed
        buttons = [each for each in nodes(form, ".//button[@name]") if each.getparent() is not None]
        fields |= {each.get("name", ""): each.get("value", "") for each in buttons[:1]}
        action = urljoin(address, form.get("action", ""))
        if form.get("method") == "get":
            return await self.http.get(action, params=fields)
        return await self.http.post(action, data=fields, headers={"origin": self.origin})

    async def answered(self) -> AsyncIterator[tuple[str, Sends, httpx.Response]]:
        """(form, what was typed, answer) of each form sent empty and sent with wrong values, those that only do last.

        A form that asks whether one is sure is such a form itself.
        """
        forms = sorted(self.forms(), key=lambda found: not emptied(found[1]))
        for address, form in forms:
            for typed in (emptied(form), mistyped(form)) if emptied(form) else ({},):
                answer = await self.sent(address, form, typed)
                yield f"{form.get('action')} on {address}", typed, answer
                if answer.status_code == 200 and (sure := _sure(answer)) is not None:
                    for reason in (emptied(sure), mistyped(sure)):
                        yield f"sure: {form.get('action')}", reason, await self.sent(address, sure, reason)


def nodes(page: HtmlElement, path: str, **words: str) -> list[HtmlElement]:
    """The elements of a path."""
    return cast("list[HtmlElement]", page.xpath(path, **words))


def emptied(form: HtmlElement) -> dict[str, str]:
    """Every field of a form empty: what can be emptied."""
    return {each.get("name", ""): "" for each in nodes(form, EDITABLE) if each.get("name")}


def mistyped(form: HtmlElement) -> dict[str, str]:
    """Every field of a form with what nobody can mean."""
    named = {each.get("name", ""): each for each in nodes(form, EDITABLE) if each.get("name")}
    return {name: WRONG.get(each.get("type", ""), "\x01" * 3) for name, each in named.items()}


def untold(page: HtmlElement, error: str) -> list[str]:
    """What a page that shows a form again lacks; `error`: how its title begins."""
    links = nodes(page, "//div[contains(@class, 'govuk-error-summary')]//ul[contains(@class, 'summary__list')]/li/a")
    title = nodes(page, "//title")[0].text_content()
    found = [] if title.startswith(error) else [f"the title is {title}"]
    found += [] if links else ["there is no summary"]
    found += [] if len(nodes(page, "//div[@data-module='govuk-error-summary']")) == 1 else ["not one summary"]
    return [*found, *(fault for each in links for fault in _lost(page, each))]


def _lost(page: HtmlElement, link: HtmlElement) -> Iterator[str]:
    at, text = link.get("href", "").removeprefix("#"), link.text_content().strip()
    target = nodes(page, "//*[@id=$at]", at=at)
    if len(target) != 1:
        yield f"{len(target)} elements have the id {at}: {text}"
        return
    beside = nodes(page, "//p[@id=$at and contains(@class, 'govuk-error-message')]", at=f"{at}-error")
    if not beside or text not in beside[0].text_content():
        yield f"nothing beside {at}: {text}"
    if target[0].tag in {"input", "select", "textarea"}:
        group = nodes(target[0], "ancestor-or-self::*[@aria-describedby]")
        if not any(f"{at}-error" in each.get("aria-describedby", "").split() for each in group):
            yield f"{at} is not described by its message"
        if not nodes(target[0], "ancestor::*[contains(@class, 'govuk-form-group--error')]"):
            yield f"{at} is not marked"


def _sure(answer: httpx.Response) -> HtmlElement | None:
    if "text/html" not in answer.headers["content-type"]:
        return None
    return next(iter(nodes(fromstring(answer.text), "//form[.//input[@name='confirmed']]")), None)


def _links(page: HtmlElement) -> list[str]:
    found = nodes(page, "//main//a[@href and not(@download)] | //header//a[@href and not(@hreflang)]")
    return [each.get("href", "").partition("#")[0] for each in found if each.get("href", "").startswith("/")]


def _kind(address: str) -> str:
    """Addresses that differ by an id alone are of one kind."""
    parts = urlsplit(address)
    names = sorted({each.partition("=")[0] for each in parts.query.split("&")} - {""})
    path = re.sub(r"/[^/]*[0-9][^/]*", "/*", parts.path)
    return f"{path}?{','.join(names)}"
