"""The tests' own click: what is counted after it is counted on the whole page."""

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Browser

BEGUN, REST = b"<!doctype html><title>x</title><a href='/next'>on</a>", b"<h1>whole</h1>"


class Slow(BaseHTTPRequestHandler):
    """Sends the end of every page half a second after its beginning."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()
        self.wfile.write(BEGUN + b" " * 4096)
        self.wfile.flush()
        time.sleep(0.5)
        self.wfile.write(REST)

    def log_message(self, *_: object) -> None:
        """Nothing: the test looks at the page."""


@pytest.fixture
def slow() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_click_is_over_when_the_next_page_is_there(chromium: Browser, slow: str) -> None:
    page = chromium.new_page()
    page.goto(slow)
    page.get_by_role("link").click()
    assert page.url == f"{slow}/next"
    assert page.locator("h1").count() == 1
    page.close()
