"""An invented fund that answers JSON, for tests, on loopback: `python tests/agencies/fund/fund_members.py PORT`."""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MEMBERS = {"199012304567": [(202608, 120050), (202609, 120000)], "198061308997": []}


class Fund(BaseHTTPRequestHandler):
    """One search."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        paid = MEMBERS.get(asked["nationalNumber"])
        rows = [{"period": period, "cents": cents} for period, cents in paid or ()]
        told = json.dumps({"closed": 202609, "paid": rows, "pensions": []}).encode()
        self.send_response(404 if paid is None else 200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    def log_message(self, *_: object) -> None:
        """Numbers of people do not belong on a screen."""


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Fund).serve_forever()
