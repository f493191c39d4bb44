"""Every page there is, who may see it, and the way to one of each: what `docs/access.md` says, walked by links."""

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from browser.visitor import Visitor

ACCESS = (Path(__file__).parents[2] / "docs/access.md").read_text("utf-8")
ROW = re.compile(r"^\| `GET (/[^`]*)` \| ([^|]*) \|$", re.MULTILINE)
AREAS = ("/console", "/my-data", "/idp")  # the desks beside the gateway are walked by themselves
NO_PAGES = frozenset(
    {
        "/console/access-requests/{request_id}/package",
        "/console/agency/adapters/{adapter}/versions/{number}/folder.zip",
        "/console/agency/agreements/{number}/document",
        "/console/breaches/{breach_id}/people",
        "/console/confirm",
        "/console/exchanges/{exchange_id}/bundle",
        "/console/reports/file",
        "/console/reports/files/{name}",
        "/console/sign-in/{provider}",
        "/console/signed-in/{provider}",
        "/desk/control/signed",
        "/desk/lines/table",
        "/idp/.well-known/openid-configuration",
        "/idp/end-session",
        "/idp/jwks",
        "/my-data/sign-in/{provider}",
        "/my-data/signed-in/{provider}",
    }
)
"""What is a file to take away, a part of another page, or leads on at once."""
NOBODY = "nobody"
CITIZEN = "citizen"
LOGINS = {
    "officer": "compliance",
    "officer: evidence.read": "compliance",
    "officer: review.act": "compliance",
    "officer: drills.hold": "operator",
    "officer: persons.read": "protection",
    "officer: agency.run": "wbb-admin",
    "officer: gateway.run": "operator",
    "officer: officers.read": "operator",
    "officer: approvals.read": "operator",
    "citizen": CITIZEN,
    "open": NOBODY,
}
"""The word of `docs/access.md` -> the login of the demo who looks at the page."""


def pages_of() -> dict[str, str]:
    """Every page: its route -> who looks at it. A word that is not in `LOGINS` is a KeyError: say who."""
    rows = {route: who.strip() for route, who in ROW.findall(ACCESS) if route.startswith(AREAS)}
    return {route: LOGINS[who] for route, who in rows.items() if route not in NO_PAGES}


def pages_below(area: str) -> list[str]:
    """The pages of an application beside the gateway for who has signed in there: `/desk`, `/counsel`."""
    rows = [(route, who.strip()) for route, who in ROW.findall(ACCESS) if route.startswith(f"{area}/")]
    return [route for route, who in rows if who != "open" and route not in NO_PAGES]


def walked(visitor: Visitor, routes: Iterable[str], look: Callable[[str], None], base: str = "") -> set[str]:
    """Look at one page of each route: those without a parameter by address, the others by the links on these.

    Returns:
        the routes to which no link led.
    """
    waiting, links = set(routes), dict[str, None]()
    for route in sorted(each for each in waiting if "{" not in each):
        assert visitor.go(route, base) == 200, route
        look(named(route))
        links |= dict.fromkeys(_links(visitor))
        waiting.discard(route)
    while found := next(_known(waiting, links), None):
        route, address = found
        assert visitor.go(address, base) == 200, address
        look(named(route))
        links |= dict.fromkeys(_links(visitor))
        waiting.discard(route)
    return waiting


def named(route: str) -> str:
    """The name of the page's picture."""
    return "page" + re.sub(r"[^a-z]+", "-", route.lower()).rstrip("-")


def _links(visitor: Visitor) -> list[str]:
    found: list[str] = visitor.page.locator("main a[href^='/']").evaluate_all(
        "all => all.map((each) => each.getAttribute('href'))"
    )
    return [each.partition("#")[0] for each in found]


def _known(waiting: Iterable[str], links: Iterable[str]) -> Iterator[tuple[str, str]]:
    for route in sorted(waiting):
        pattern = re.compile(re.sub(r"\\{[^}]*\\}", "[^/]+", re.escape(route)))
        for link in links:
            if pattern.fullmatch(link.partition("?")[0]) and link.partition("?")[0] not in FIXED:
                yield route, link


FIXED = frozenset(route for route, _ in ROW.findall(ACCESS) if "{" not in route)
"""Addresses of pages of their own, which look like `/console/agreements/{agreement_id}`."""
