"""What a kept demo leaves for people to try their pages on, after the list was compared and the log was verified.

The planning department's and the offices' pages run over copies on which nobody has worked yet; nothing of the copies
reaches what counts. At the console an agency's administrator has proposed something that changes nothing. Two systems
have asked too much, about numbers that nobody has; the rules found it in the log as they find everything, and a remark
on each finding says that it is practice. One question names a case, so that there is a protected detail to reveal; and
an amendment of an agreement waits for the signatures of both. All of it as systems and officers do it, so that the log
tells of it.
"""

import asyncio
import html
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import httpx
from sandhi_client import Client, Problem

from .choices import Choices, free_ports
from .people import FILE
from .processes import ProcessDied, Processes

HIDDEN = re.compile(r'<input type="hidden" name="([^"]*)" value="([^"]*)">')
PROPOSER, WATCHER, DECIDER, PARTNER = "dme-admin", "compliance", "operator", "wbb-admin"
AGREEMENT, LONGER = "/v1/agreements/DSA-2026-06", timedelta(days=31)
SYSTEM = "LK/GOV/DME/ESS"
REASON = "Practice: the address that it has already. Approved or rejected, nothing changes."
THERE_ALREADY = 409
"""The status of a proposal that an earlier run of the same data has made."""
REFUSALS = frozenset({"not_available", "refused_by_rules"})
CASE = "PRACTICE-1"
ASKED = {"service": "tax.employment", "purpose": "employment-support.eligibility", "fields": ["employments"]}
PLANTED = "Practice: the demo asked this by itself, about numbers that nobody has. Look into it as if it were real."


class Case(NamedTuple):
    """What a system asks about nobody: `people` questions, each with another number; without a case, unless named."""

    client: str
    people: int
    officer: str = ""
    case: str = ""


CASES = (Case("stranger", 55), Case("sr", 22, "practice"), Case("sr", 1, "practice", CASE))
"""A company without any agreement that tries numbers, one curious officer, just over the bounds of the rules; and one
question with a case, which is kept as a protected detail."""


def to_practise(chosen: Choices, processes: Processes, registry: Mapping[str, str]) -> Iterator[str]:
    """Leave something to do for everybody; gives lines for the person who started the demo. `practice.json` has where.

    Args:
        registry: the environment of the registry's process.

    Raises:
        ProcessDied: one of the copies does not come up, or the console refuses.
    """
    fresh = not (chosen.data / "practice.json").exists()
    places = {"planning": _planning(chosen.data, processes, registry), "offices": _offices(chosen.data, processes)}
    (chosen.data / "practice.json").write_text(json.dumps(places, indent=2) + "\n", encoding="utf-8")
    yield "to practise, with the same accounts; nothing of it reaches what counts:"
    yield f"  planning department, a list that nobody has reviewed: {places['planning']}/desk"
    yield f"  counsellors, people whom nobody has visited: {places['offices']}/counsel"
    findings = _at_the_console(chosen, CASES if fresh else ())
    yield f"  {WATCHER}: {findings} open findings at {chosen.gateway}/console/findings; practice where a remark says so"
    yield f"  {DECIDER} and {WATCHER}: a proposal of {PROPOSER} at {chosen.gateway}/console/approvals"
    yield f"  {WATCHER}: a case to reveal at {chosen.gateway}/console/exchanges?case={CASE}"
    yield f"  {PARTNER} and {PROPOSER}: an amendment to sign at {chosen.gateway}/console/agency/agreements,"
    yield f"    each with the key of their agency in {chosen.data / 'members'}"


def _planning(data: Path, processes: Processes, environment: Mapping[str, str]) -> str:
    folder = data / "practice"
    if not folder.exists():
        copy = ["practise", "--data", str(data / "registry"), "--into", str(folder)]
        subprocess.run([sys.executable, "-m", "registry", *copy], check=True, stdout=subprocess.DEVNULL)
    (port,) = free_ports(1)
    own = {"REGISTRY_PORT": str(port), "REGISTRY_LIST": str(folder / "list.jsonl")}
    processes.start("practice", "registry", ["serve", "--data", str(folder)], dict(environment) | own)
    processes.wait_for("practice", f"http://127.0.0.1:{port}/livez")
    return f"http://127.0.0.1:{port}"


def _offices(data: Path, processes: Processes) -> str:
    (port,) = free_ports(1)
    where = ["--data", str(data / "sandbox"), "--into", str(data / "practice-offices"), "--port", str(port)]
    processes.start("practice-offices", "sandbox", ["practise", *where], {})
    processes.wait_for("practice-offices", f"http://127.0.0.1:{port}/counsel/sign-in")
    return f"http://127.0.0.1:{port}"


async def _misused(case: Case, data: Path) -> None:
    """Do what the case says, and hear every time that there is nothing to be had.

    Raises:
        ProcessDied: the gateway answered.
    """

    async def ask(number: int) -> None:
        named = {"identifiers": [{"type": "NIC", "value": f"1990{number:03d}99999"}]}
        said = {"officer": case.officer, "case": case.case}
        body = ASKED | {"subject": named} | {name: text for name, text in said.items() if text}
        try:
            await client.session.call("POST", "/v1/exchanges", json=body)
        except Problem as problem:
            if problem.code in REFUSALS:
                return
            raise ProcessDied(f"a practice question was answered with {problem.code}") from None
        raise ProcessDied("a practice question about nobody was answered")

    async with Client.from_file(data / "clients" / f"{case.client}.json") as client:
        await asyncio.gather(*map(ask, range(1, case.people + 1)))


def _at_the_console(chosen: Choices, cases: Sequence[Case]) -> int:
    """Let agencies propose and compliance look; gives the open findings. What the cases add to them is named practice.

    What an earlier run of the same data has left (`cases` is empty) is not left twice.
    """
    officers = {each["login"]: each["password"] for each in json.loads((chosen.data / FILE).read_text("utf-8"))}
    with Session(chosen.gateway) as proposer:
        proposer.sign_in(PROPOSER, officers[PROPOSER])
        system = proposer.call("GET", f"/v1/systems/{SYSTEM.replace('/', '.')}")
        addresses = {each["service"].rpartition("/")[2]: each["callback_url"] for each in system["services"]}
        named = {"kind": "callback.host", "subject": SYSTEM, "member": SYSTEM.rpartition("/")[0], "reason": REASON}
        proposer.call("POST", "/v1/approvals", named | {"document": addresses})
        if cases:
            proposer.call("POST", "/v1/proposals", {"document": _longer(proposer.call("GET", AGREEMENT))})
    with Session(chosen.gateway) as watcher:
        watcher.sign_in(WATCHER, officers[WATCHER])
        before = watcher.findings()
        for case in cases:
            asyncio.run(_misused(case, chosen.data))
        found = watcher.findings() if cases else before
        for each in sorted(found - before):
            watcher.call("POST", f"/v1/audit/findings/{each}/remarks", {"text": PLANTED})
        return len(found)


def _longer(found: Mapping[str, Any]) -> dict[str, Any]:
    """The next version of an agreement, the same for a month more: signed or not, nothing of the demo changes."""
    document: dict[str, Any] = found["document"]
    until = datetime.fromisoformat(document["valid_until"]) + LONGER
    return document | {"version": document["version"] + 1, "valid_until": f"{until:%Y-%m-%dT%H:%M:%SZ}"}


class Session:
    """An officer at the console, as a browser without scripts is."""

    def __init__(self, gateway: str) -> None:
        self._gateway = gateway
        self._http = httpx.Client(base_url=gateway, timeout=60.0, trust_env=False, follow_redirects=True)

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def sign_in(self, login: str, password: str) -> None:
        """By the form of the built-in identity provider."""
        page = self._http.get("/console/sign-in/officers").text
        fields = {html.unescape(name): html.unescape(value) for name, value in HIDDEN.findall(page)}
        form = fields | {"login": login, "password": password}
        self._http.post("/idp/authorize", data=form, headers={"origin": self._gateway})

    def findings(self) -> set[str]:
        """Look through the log now; the ids of the findings that are open."""
        self.call("POST", "/v1/audit/findings/run", {})
        return {str(each["id"]) for each in self.call("GET", "/v1/audit/findings?state=open")["findings"]}

    def call(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """A call to `/v1` as a page makes it.

        Raises:
            ProcessDied: it was refused; the text names the call and the code of the refusal.
        """
        headers = {"origin": self._gateway}
        if method != "GET":
            headers["x-csrf-token"] = str(self.call("GET", "/v1/officers/me")["csrf_token"])
        answer = self._http.request(method, path, headers=headers, json=body)
        found: dict[str, Any] = answer.json()
        if answer.is_error and answer.status_code != THERE_ALREADY:
            raise ProcessDied(f"the console refused {method} {path}: {found.get('code', answer.status_code)}")
        return found
