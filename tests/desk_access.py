"""The table of the desks in `docs/access.md`, and whether an application lets in whom it says and nobody else."""

import re
from collections.abc import Iterable

import httpx
from architecture.checkout import ROOT, table
from starlette.routing import BaseRoute, Route

FORM = {"content-type": "application/x-www-form-urlencoded"}
PAGE = (ROOT / "docs/access.md").read_text("utf-8")
WHO = dict(table(PAGE[PAGE.index("| route of a desk |") : PAGE.index("| route | who |")]))


def routes_below(area: str, routes: Iterable[BaseRoute]) -> set[str]:
    """`GET /desk/lines/{number}`, ...: what the table has to name."""
    inside = [each for each in routes if isinstance(each, Route) and f"{each.path}/".startswith(f"{area}/")]
    told = [(re.sub(r":\w+}", "}", each.path), set(each.methods or ()) - {"HEAD"}) for each in inside]
    return {f"{method} {path}" for path, methods in told for method in methods}


async def lets_in_whom_the_table_says(area: str, routes: Iterable[BaseRoute], nobody: httpx.AsyncClient) -> None:
    """Every route has its line, every line its route; whoever is not signed in gets no further than the sign-in."""
    wanted = {route: who for route, who in WHO.items() if f"{route.partition(' ')[2]}/".startswith(f"{area}/")}
    assert routes_below(area, routes) == wanted.keys()
    for route, who in wanted.items():
        method, _, path = route.partition(" ")
        answer = await nobody.request(method, re.sub(r"{\w+}", "1", path), headers=FORM)
        to_sign_in = answer.headers.get("location", "").startswith(f"{area}/sign-in?")
        assert to_sign_in is (who != "open"), (route, answer.status_code)
