"""nginx as backend and as proxy, and wrk: what the gateway is measured with and beside."""

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import orjson

from bench.arithmetic import Round
from bench.machine import Cores
from bench.processes import NotMeasured, Processes, pinned

PAYMENTS = [{"date": f"2026-{month:02}-28", "taxable_pay": f"{1000 + month}.50"} for month in range(1, 10)]
ENDED = {"start_date": "2019-03-01", "end_date": "2025-12-31", "payments": PAYMENTS[:3]}
OPEN = {"start_date": "2026-01-01", "end_date": None, "payments": PAYMENTS}
OWN = {"tax_year": "2025-26", "end_date": None, "turnover": "120000.00"}
PERSON = {"closed_month": "2026-09", "employments": [ENDED, OPEN], "self_employments": [OWN]}
"""What the static backend says about everybody: about 1 KB."""
SHORT = {"closed_month": "2026-09", "employments": [{**OPEN, "payments": PAYMENTS[:2]}], "self_employments": []}
UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}

COMMON = """
daemon off; master_process off; worker_processes 1; pid {folder}/{name}.pid; error_log {folder}/{name}.error warn;
events {{ worker_connections 2048; }}
http {{
  access_log off; keepalive_requests 100000000; keepalive_timeout 600s; default_type application/json;
  client_body_temp_path {folder}/{name}.body; proxy_temp_path {folder}/{name}.proxy;
  fastcgi_temp_path {folder}/{name}.f; uwsgi_temp_path {folder}/{name}.u; scgi_temp_path {folder}/{name}.s;
  {content}
}}
"""
BACKEND = """server {{
    listen 127.0.0.1:{port};
    location = /person {{ return 200 '{person}'; }}
    location = /people {{ root {folder}; error_page 405 =200 /people; }}
  }}"""
PROXY = """upstream backend {{ server 127.0.0.1:{backend}; keepalive 256; keepalive_requests 100000000; }}
  server {{
    listen 127.0.0.1:{port};
    location = /v1/exchanges {{
      proxy_pass http://backend/person; proxy_http_version 1.1; proxy_set_header Connection "";
    }}
  }}"""
SCRIPT = """wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = [==[{body}]==]
"""


@dataclass(frozen=True, slots=True)
class Nginx:
    """Writes configurations into a folder of its own and starts nginx with them."""

    folder: Path
    processes: Processes

    def backend(self, port: int, cores: frozenset[int]) -> None:
        """The agency: `/person` answers about one person, `/people` about 500; always the same."""
        (self.folder / "people").write_bytes(orjson.dumps({"people": [SHORT] * 500}))
        content = BACKEND.format(port=port, folder=self.folder, person=orjson.dumps(PERSON).decode())
        self._start("backend", content, f"http://127.0.0.1:{port}/person", cores)

    def proxy(self, port: int, backend: int, cores: frozenset[int]) -> None:
        """The reference: `proxy_pass` with one worker, kept connections, no duties."""
        content = PROXY.format(port=port, backend=backend)
        self._start("proxy", content, f"http://127.0.0.1:{port}/", cores)

    def _start(self, name: str, content: str, url: str, cores: frozenset[int]) -> None:
        path = self.folder / f"{name}.conf"
        path.write_text(COMMON.format(folder=self.folder, name=name, content=content), encoding="ascii")
        command = ["nginx", "-p", str(self.folder), "-e", str(self.folder / f"{name}.error"), "-c", str(path)]
        self.processes.wait_for(self.processes.start(name, command, cores), url)


def wrk(url: str, body: Mapping[str, object], connections: int, seconds: float, cores: Cores, folder: Path) -> Round:
    """One round of wrk: POST the same body over kept connections.

    Raises:
        NotMeasured: wrk failed, or an answer was not 2xx.
    """
    script = folder / "wrk.lua"
    script.write_text(SCRIPT.format(body=orjson.dumps(body).decode()), encoding="ascii")
    threads = min(2, connections)
    command = [
        "wrk",
        f"-t{threads}",
        f"-c{connections}",
        f"-d{max(1, round(seconds))}s",
        "--latency",
        "-s",
        str(script),
    ]
    command = pinned(frozenset[int]().union(*cores.load), [*command, url])
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60, check=False)
    if done.returncode:
        raise NotMeasured(f"wrk failed: {done.stderr.strip()[:200]}")
    return read_wrk(done.stdout)


def read_wrk(text: str) -> Round:
    """What wrk printed with `--latency`.

    Raises:
        NotMeasured: another text, answers that were not 2xx, or cut connections.
    """
    if fault := re.search(r"(Non-2xx.*|Socket errors.*)", text):
        raise NotMeasured(f"wrk: {fault.group(1)}")
    rate = re.search(r"Requests/sec:\s+([\d.]+)", text)
    found = {
        share: float(number) * UNITS[unit]
        for share, number, unit in re.findall(r"(\d+)%\s+([\d.]+)(us|ms|s|m)\b", text)
    }
    if rate is None or not {"50", "99"} <= found.keys():
        raise NotMeasured("wrk printed something else than expected")
    return Round(float(rate.group(1)), found["50"], found["99"])
