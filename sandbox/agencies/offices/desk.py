"""`/counsel`: pages for the counsellors of the local offices. Each sees the people of the own office, and nobody else.

A person is known to an address by row number. A number of another office's person is as unknown as one of nobody's.
"""

import json
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

import pages
from pages.desk import Account, Accounts, Front, Guard, SignedIn, refused, static
from sandbox.gateway_client import GatewayUnreachable, NoCredentials
from sandbox.kept import Kept

from .book import Book, Client
from .counsel import FOUND_WORDS, ROLES, Counsellors, FindingRefused
from .places import DISTRICTS

HERE = ZoneInfo("Asia/Colombo")
AREA = "/counsel"
ACCOUNTS, PASSWORDS = "accounts.json", "counsellors.json"
FIELD = "finding-"  # and the source it is about
SEND_S = 30.0
TAGS = {"eng": "en", "sin": "si", "tam": "ta"}
DONE = {"kept": "The finding is kept and goes to employment support.", "sent": "What was waiting is being sent."}

log = logging.getLogger(__name__)


class NotOfThisOffice(Exception):
    """There is nobody of this number in the counsellor's office."""


class CounselDesk:
    """The pages over the book of all offices.

    Args:
        folder: where the accounts are, see `admit_counsellors`.
        origin: base URL under which people reach the pages.
        today: the day, for the date of a finding.
    """

    def __init__(
        self,
        book: Book,
        counsellors: Counsellors,
        folder: Path,
        *,
        origin: str,
        today: Callable[[], date] = lambda: datetime.now(UTC).date(),
    ) -> None:
        self._book, self._counsellors, self._today, self._origin = book, counsellors, today, origin
        sections = (("People to verify", f"{AREA}/people"),)
        self._front = Front(Accounts(folder / ACCOUNTS), area=AREA, origin=origin, sections=sections, done=DONE)

    @property
    def routes(self) -> list[BaseRoute]:
        """All pages, their sign-in and their assets, for the root of an application."""
        return [
            Route("/static/{name:path}", static),
            Route(AREA, self._home),
            *self._front.routes(),
            Route(f"{AREA}/people", self._queue),
            Route(f"{AREA}/people/send", self._send, methods=["POST"]),
            Route(f"{AREA}/people/{{number:int}}", self._one),
            Route(f"{AREA}/people/{{number:int}}", self._find, methods=["POST"]),
            Route(f"{AREA}/{{rest:path}}", self._nothing),
        ]

    @property
    def handlers(self) -> Mapping[Any, Any]:
        """Failures as pages."""
        return {**self._front.handlers(), NotOfThisOffice: _not_here}

    @property
    def middleware(self) -> list[Middleware]:
        """What every page needs around it."""
        secure = self._origin.startswith("https://")
        return [
            Middleware(Guard, origin=self._origin, prefixes=(AREA, "/static")),
            Middleware(pages.Speaking, zone=HERE, secure=secure),
        ]

    async def _home(self, _: Request) -> Response:
        return RedirectResponse(f"{AREA}/people", 303)

    async def _nothing(self, _: Request) -> Response:
        raise NotOfThisOffice

    async def _queue(self, request: Request) -> Response:
        """Whom to verify, and what became of the findings."""
        who = self._front.who(request)
        people = [
            {"number": number, "letter": self._counsellors.letter_about(client), **_shown(client)}
            for number, client in self._book.numbered(who.account.place).items()
            if client.record["verify"]
        ]
        values: dict[str, Any] = {
            "office": _office(who),
            "waiting": [each for each in people if each["letter"] is None],
            "found": [each for each in people if each["letter"] is not None],
            "unsent": any(each["letter"].state == "new" for each in people if each["letter"]),
        }
        return self._front.page(request, who, "counsel/people.html", **values)

    async def _one(self, request: Request) -> Response:
        """One person, and the form of the finding."""
        return self._person(request, self._front.who(request))

    async def _find(self, request: Request) -> Response:
        """Keep the finding, and send it once the page is answered."""
        who, form = await self._front.form(request)
        client = self._of(request, who)
        found = {name.removeprefix(FIELD): word for name, word in form.items() if name.startswith(FIELD)}
        try:
            day = self._day(form)
        except FindingRefused as error:
            return self._person(request, who, fault=pages.said(str(error)), form=form, day_refused=True)
        try:
            self._counsellors.note(client, found, day, form.get("role", ""))
        except FindingRefused as error:
            return self._person(request, who, fault=pages.said(str(error)), form=form)
        return self._going(f"{AREA}/people", "kept")

    async def _send(self, request: Request) -> Response:
        """Send again what the gateway did not take."""
        await self._front.form(request)
        return self._going(f"{AREA}/people", "sent")

    def _going(self, address: str, code: str) -> Response:
        response = self._front.done(address, code)
        response.background = BackgroundTask(self._sending)
        return response

    async def _sending(self) -> None:
        try:
            await self._counsellors.send(seconds=SEND_S)
        except (GatewayUnreachable, NoCredentials) as error:
            log.warning("findings are waiting: %s", type(error).__name__)

    def _day(self, form: Mapping[str, str]) -> date:
        try:
            day = date.fromisoformat(form.get("found_on", ""))
        except ValueError:
            raise FindingRefused("Say on which day you found it.") from None
        if day > self._today():
            raise FindingRefused("The day has not come yet.")
        return day

    def _of(self, request: Request, who: SignedIn) -> Client:
        client = self._book.numbered(who.account.place).get(request.path_params["number"])
        if client is None or not client.record["verify"]:
            raise NotOfThisOffice
        return client

    def _person(
        self,
        request: Request,
        who: SignedIn,
        *,
        fault: str = "",
        form: Mapping[str, str] | None = None,
        day_refused: bool = False,
    ) -> Response:
        client = self._of(request, who)
        values: dict[str, Any] = {
            "fault": fault,
            "day_fault": fault if day_refused else "",
            "form": form or {"found_on": self._today().isoformat()},
            "number": request.path_params["number"],
            "person": _shown(client),
            "record": client.record,
            "letter": self._counsellors.letter_about(client),
            "words": FOUND_WORDS,
            "roles": ROLES,
            "field": FIELD,
        }
        return self._front.page(request, who, "counsel/person.html", status=400 if fault else 200, **values)


def admit_counsellors(folder: Path) -> None:
    """One account an office, at the first start. The passwords stand in `counsellors.json`, for its owner only."""
    accounts = Accounts(folder / ACCOUNTS)

    def made() -> str:
        rows = []
        for district, names in DISTRICTS.items():
            login = f"counsellor-{district.lower()}"
            account = Account(login, f"Counsellor, {names['eng']}", district)
            if accounts.find(login):  # an earlier start was cut before it had told the passwords
                accounts.remove(login)
            rows.append({"login": login, "password": accounts.add(account), "office": district})
        return json.dumps(rows, indent=1) + "\n"

    Kept(folder).text(PASSWORDS, made)


def _shown(client: Client) -> dict[str, Any]:
    names = [(TAGS.get(each["language"], "und"), each["value"]) for each in client.record["person"]["names"]]
    return {"id": client.member_id, "names": names, "verify": client.record["verify"], "contact": client.contact}


def _office(who: SignedIn) -> str:
    return DISTRICTS[who.account.place]["eng"]


def _not_here(_: Request, _error: Exception) -> Response:
    return refused("Nobody like this waits in your office.", heading="Not found", back=AREA, status=404)
