"""The `Cookie` header is read in one way, in time that grows with its length and no faster."""

import ast
import time
from pathlib import Path

import pytest
from starlette.datastructures import Headers

from pages.cookies import cookies_of

ROOT = Path(__file__).parents[3]
OTHERS = {"cookie_parser", "SimpleCookie", "http_cookies"}


def read(header: str) -> dict[str, str]:
    return cookies_of(Headers({"cookie": header}))


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ("a=1; b=2", {"a": "1", "b": "2"}),
        ('a="x=="', {"a": "x=="}),
        ("a=1; a=2", {"a": "2"}),
        ("a=x=y;b", {"a": "x=y", "b": ""}),
        ('a="', {"a": '"'}),
    ],
)
def test_cookies_are_what_stands_between_the_semicolons(header: str, wanted: dict[str, str]) -> None:
    assert read(header) == wanted


def test_two_headers_are_one_list() -> None:
    assert cookies_of(Headers(raw=[(b"cookie", b"a=1"), (b"cookie", b"b=2")])) == {"a": "1", "b": "2"}


def test_a_header_full_of_backslashes_is_read_at_once() -> None:
    started = time.process_time()
    read('a="' + '\\"' * 500_000 + '"')  # Python's own reader takes hours
    assert time.process_time() - started < 1


def test_nothing_else_reads_cookies() -> None:
    for path in (each for top in ("gateway", "pages", "registry", "sandbox") for each in (ROOT / top).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = {each.name for each in node.names} if isinstance(node, ast.ImportFrom) else set()
            assert not names & OTHERS, path
            of_starlette = isinstance(node, ast.Attribute) and node.attr == "cookies"
            assert not (of_starlette and ast.unparse(node) == "request.cookies"), path
