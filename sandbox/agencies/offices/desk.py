"""`/counsel`: pages for the counsellors of the local offices. Each sees the people of the own office, and nobody else.

A person is known to an address by row number. A number of another office's person is as unknown as one of nobody's.
"""

import json
import logging
import time
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

import pages
from pages import Refused, Wrong
from pages.desk import Account, Accounts, Front, Guard, SignedIn, refused, static
from sandbox.gateway_client import GatewayUnreachable, NoCredentials
from sandbox.kept import Kept

from .book import Book
from .counsel import ENDED, FOUND_WORDS, ROLES, Counsellors, FindingRefused
from .places import DISTRICTS
from .program import CounselApi
from .queue import Visit, following, of_place, place, queue, said_on, secretariats, shown

HERE = ZoneInfo("Asia/Colombo")
AREA = "/counsel"
ACCOUNTS, PASSWORDS = "accounts.json", "counsellors.json"
FIELD = "finding-"  # and the source it is about
SEND_S = 30.0
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
        self._sending_until = float("-inf")
        sections = (("People to verify", f"{AREA}/people"),)
        self.api = CounselApi(book, counsellors, folder, today=today, sending=self._sending)
        self._front = Front(Accounts(folder / ACCOUNTS), area=AREA, origin=origin, sections=sections, done=DONE)

    @property
    def routes(self) -> list[BaseRoute]:
        """All pages, their sign-in and their assets, and the API beside them, for the root of an application."""
        return [
            Route("/static/{name:path}", static),
            Route(AREA, self._home),
            *self._front.routes(),
            Route(f"{AREA}/people", self._queue),
            Route(f"{AREA}/people/send", self._send, methods=["POST"]),
            Route(f"{AREA}/people/{{number:int}}", self._one),
            Route(f"{AREA}/people/{{number:int}}", self._find, methods=["POST"]),
            Route(f"{AREA}/{{rest:path}}", self._nothing),
            *self.api.routes(),
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
        """Whom to verify, and what became of the findings; of one divisional secretariat where the address says so."""
        who = self._front.who(request)
        people = self._people(who)
        visits = _of_place(people, request)
        open_ = any(letter.state not in ENDED for each in people for letter in each.letters)
        under_way = open_ and time.monotonic() < self._sending_until
        values: dict[str, Any] = {
            "office": place(who.account.place),
            "kept": _kept(request),
            "place": request.query_params.get("place", ""),
            "role": _known_role(request.query_params.get("role", "")),
            "places": [{"value": code, "text": f"{place(code)} ({n})"} for code, n in secretariats(people)],
            "waiting": [shown(each) for each in visits if each.waits],
            "all_waiting": sum(each.waits for each in people),
            "following": following(visits, _number(request.query_params.get("last", ""))),
            "found": [shown(each) for each in visits if not each.waits],
            "under_way": under_way,
            "unsent": open_ and not under_way,
        }
        return self._front.page(request, who, "counsel/people.html", **values)

    async def _one(self, request: Request) -> Response:
        """One person, and the form of the finding."""
        return self._person(request, self._front.who(request))

    async def _find(self, request: Request) -> Response:
        """Keep the finding, and send it once the page is answered."""
        who, form = await self._front.form(request)
        visit = self._visit(request, who)
        found = {name.removeprefix(FIELD): word for name, word in form.items() if name.startswith(FIELD)}
        role, corrects = form.get("role", ""), _number(form.get("corrects", ""))
        wrong = self._wrong_with(form, visit)
        try:
            if not wrong:
                self._counsellors.note(visit.client, found, self._day(form, visit), role, corrects=corrects)
        except FindingRefused as error:
            wrong = [Wrong("finding", pages.said(str(error)))]
        if wrong:
            return self._person(request, who, form, Refused(wrong, form))
        return self._going(f"{AREA}/people{_kept(request, role=role, last=str(visit.number))}", "kept")

    async def _send(self, request: Request) -> Response:
        """Send again what the gateway did not take."""
        await self._front.form(request)
        return self._going(f"{AREA}/people{_kept(request)}", "sent")

    def _going(self, address: str, code: str) -> Response:
        response = self._front.done(address, code)
        self._sending_until = time.monotonic() + SEND_S
        response.background = BackgroundTask(self._sending)
        return response

    async def _sending(self) -> None:
        try:
            await self._counsellors.send(seconds=SEND_S)
        except (GatewayUnreachable, NoCredentials) as error:
            log.warning("findings are waiting: %s", type(error).__name__)

    def _day(self, form: Mapping[str, str], visit: Visit) -> date:
        return said_on(form.get("found_on", ""), visit, self._today())

    def _people(self, who: SignedIn) -> list[Visit]:
        return queue(self._book.numbered(who.account.place), self._counsellors.findings())

    def _visit(self, request: Request, who: SignedIn) -> Visit:
        found = next((each for each in self._people(who) if each.number == request.path_params["number"]), None)
        if found is None:
            raise NotOfThisOffice
        return found

    def _person(
        self,
        request: Request,
        who: SignedIn,
        form: Mapping[str, str] | None = None,
        refused: Refused | None = None,
    ) -> Response:
        visit = self._visit(request, who)
        letters = visit.letters
        values: dict[str, Any] = {
            "form": form or self._begun(request, visit),
            "kept": _kept(request),
            "person": shown(visit),
            "following": following(_of_place(self._people(who), request), visit.number),
            "correctable": bool(letters) and letters[-1].state in ENDED,
            "words": FOUND_WORDS,
            "roles": ROLES,
            "field": FIELD,
        }
        return self._front.page(request, who, "counsel/person.html", refused=refused, **values)

    def _wrong_with(self, form: Mapping[str, str], visit: Visit) -> list[Wrong]:
        """Each field that is missing or cannot be so, in the order of the page."""
        missing = pages.said("Fill in: %(field)s.")
        checks = [source for source in visit.client.record["verify"] if form.get(f"{FIELD}{source}") not in FOUND_WORDS]
        wrong = [Wrong(f"{FIELD}{source}", missing % {"field": pages.words_of(source)}) for source in checks]
        try:
            self._day(form, visit)
        except FindingRefused as error:
            wrong.append(Wrong("found_on", pages.said(str(error))))
        if form.get("role") not in ROLES:
            wrong.append(Wrong("role", missing % {"field": pages.said("Your role")}))
        return wrong

    def _begun(self, request: Request, visit: Visit) -> dict[str, str]:
        """The form before anybody has filled it in: today, in the role of last time; or what is to be corrected."""
        begun = {"found_on": self._today().isoformat(), "role": _known_role(request.query_params.get("role", ""))}
        if not visit.letters:
            return begun
        record = visit.letters[-1].body["record"]
        checked = {f"{FIELD}{check['source']}": check["finding"] for check in record["checks"]}
        return checked | {"found_on": max(begun["found_on"], record["found_on"]), "role": record["officer_role"]}


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


def _of_place(people: list[Visit], request: Request) -> list[Visit]:
    """Those of the divisional secretariat in the address, if it names one."""
    return of_place(people, request.query_params.get("place", ""))


def _kept(request: Request, **changes: str) -> str:
    """What comes along from page to page: the place looked at, and the role last acted in."""
    query = request.query_params
    kept = {"place": query.get("place", ""), "role": _known_role(query.get("role", ""))} | changes
    said = {name: text for name, text in kept.items() if text}
    return f"?{urlencode(said)}" if said else ""


def _known_role(text: str) -> str:
    return text if text in ROLES else ""


def _number(text: str) -> int:
    """A number in an address or a form; anything else is 0, which no person has."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0


def _not_here(_: Request, _error: Exception) -> Response:
    return refused("Nobody like this waits in your office.", heading="Not found", back=AREA, status=404)
