"""The levy fund that a clerk connects: one question over HTTP, in its own format. It shares no code with adapters."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

MEMBER = "199012304567"
SAYS = "Whether somebody is a member."
"""What its service answers, in the words of the clerk, who has them in one language."""
ANSWER = '{"confirmed": true, "birth_date": "1990-05-02", "sex": "K"}'  # K: kvinna, which nobody guesses


class Members(BaseHTTPRequestHandler):
    """`POST /members/search` about the one member whom everybody has made up."""

    def do_POST(self) -> None:  # the name is the library's
        """200 with the member, 404 for anybody else and anything else."""
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        known = self.path == "/members/search" and asked == {"nationalNumber": MEMBER}
        content = (ANSWER if known else "{}").encode()
        self.send_response(200 if known else 404)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Nothing: a path may name a person."""


@contextmanager
def fund() -> Iterator[str]:
    """Its base URL, on a free loopback port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Members) as server:
        serving = Thread(target=server.serve_forever, daemon=True)
        serving.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            serving.join()
