"""Each code has one page, served where `type` of a problem document points to, and the page's example is a real one."""

import json
import re

import httpx
import pytest
from fastapi import FastAPI

from gateway.edges.explained import PAGES, explained_routes
from gateway.edges.v1.problems import CODES, RETRY_AFTER, problem

SECTIONS = ["Cause", "Who fixes it", "Try again?", "Example"]
CODES_SORTED = sorted(CODES)


def client() -> httpx.AsyncClient:
    app = FastAPI(openapi_url=None)
    app.include_router(explained_routes())
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway.example")


def page(code: str) -> str:
    return (PAGES / f"{code}.md").read_text("utf-8")


def sections(code: str) -> dict[str, str]:
    _, *parts = re.split(r"^## (.+)$", page(code), flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def test_the_pages_are_those_of_the_codes() -> None:
    assert {each.name.removesuffix(".md") for each in PAGES.iterdir()} == set(CODES)


@pytest.mark.parametrize("code", CODES_SORTED)
def test_a_page_says_cause_who_fixes_it_and_whether_to_try_again(code: str) -> None:
    found, known = sections(code), CODES[code]
    assert page(code).startswith(f"# `{code}`: {known.title}\n\nHTTP {known.status}.\n")
    assert list(found) == SECTIONS
    assert all(len(each.strip()) > 2 for each in found.values())


@pytest.mark.parametrize("code", CODES_SORTED)
def test_the_example_is_what_the_gateway_would_send(code: str) -> None:
    (text,) = re.findall(r"```json\n(.*?)```", sections(code)["Example"], re.DOTALL)
    example = json.loads(text)
    more = {name: example[name] for name in ("exchange_id", "retryable", "faults") if name in example}
    assert example == json.loads(bytes(problem(code, example["detail"], **more).body))


@pytest.mark.parametrize("code", sorted(RETRY_AFTER))
def test_what_comes_with_retry_after_says_so_on_its_page(code: str) -> None:
    assert "Retry-After" in sections(code)["Try again?"]
    assert sections(code)["Try again?"].strip().startswith("Yes")


async def test_the_type_of_a_problem_leads_to_its_page() -> None:
    async with client() as http:
        for code in CODES:
            where = json.loads(bytes(problem(code, "x").body))["type"]
            told = await http.get(where)
            assert (told.status_code, told.text) == (200, page(code))
            assert told.headers["content-type"] == "text/plain; charset=utf-8"
        listed = (await http.get("/errors")).text.splitlines()
    assert [each.split()[0] for each in listed] == [f"/errors/{code}" for code in CODES]


@pytest.mark.parametrize("other", ["no-such", "README", "..%2Ferrors", "refused_by_rules.md"])
async def test_what_is_no_code_has_no_page(other: str) -> None:
    async with client() as http:
        told = await http.get(f"/errors/{other}")
    assert told.status_code == 404
    assert other not in told.text
