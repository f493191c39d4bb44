"""HMRC individuals 2.0: match a person, then read with the match id that comes back.

Source: `schemas/agency/hmrc-individuals/*.yaml`. Identifiers go in a request body only; later URLs carry the
short-lived match id.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode
from uuid import UUID, uuid4

import orjson

from adapters.kit import months, strict_json
from adapters.kit.base import BaseAdapter, Kit, as_of
from adapters.kit.claims import LONGEST_WINDOW
from adapters.kit.contract import (
    AgencyAnswerMalformed,
    AgencyCannotTell,
    AgencyRejectedMessage,
    AgencyUnavailable,
    Period,
    Question,
    RawAnswer,
    Service,
    Subject,
)
from adapters.kit.egress import HttpAnswer
from adapters.kit.transports.oauth import ClientCredentials
from adapters.kit.transports.rest import error_of, read_json

MEDIA_TYPE = "application/vnd.hmrc.2.0+json"
_NAME_LENGTH = 35  # of firstName and lastName
_NOT_IN_NAMES = re.compile(r"[^a-zA-Z `\-'^]")  # from the interface's pattern for names
_PARTICLES = frozenset({"da", "de", "der", "di", "dos", "la", "le", "van", "von"})
_CODE = re.compile(r"[A-Z_]{1,40}")

Answer = dict[str, Any]


class _MatchExpired(Exception):
    """HMRC answers an expired match id with 404 NOT_FOUND, like one that never was."""


class Tax(BaseAdapter):
    """One question is one match and three reads, under one correlation id."""

    def __init__(self, kit: Kit) -> None:
        super().__init__(kit)
        self._http = kit.http()
        form = {"client_id": kit.setting("client_id"), "client_secret": kit.setting("client_secret")}
        self._tokens = ClientCredentials(self._http, "/oauth/token", form)

    async def ask(self, question: Question) -> RawAnswer:
        """Match and read. Nobody matching the number, the name and the birth date together is AgencyCannotTell:
        the number may be known and the name spelt differently, and HMRC does not say which.

        Raises:
            AgencyRejectedMessage: no tax number, Latin name or birth date to match with; code `incomplete`.
            AgencyError: see the contract.
        """
        service = self.service(question.service)
        person = match_request(question.subject)
        period = question.period or _period(service, question)
        correlation = str(uuid4())
        for _ in range(2):  # the match id may run out between two reads; then once more from the match
            match = await self._matched(person, correlation)
            try:
                answers = await self._read(match, period, question, correlation)
            except _MatchExpired:
                continue
            empty = not any(answers.values())
            return RawAnswer(answers, as_of(service, question.as_at), code="200", empty=empty)
        raise AgencyUnavailable("the agency forgets its match ids at once", code="NOT_FOUND")

    def parse(self, service: str, body: bytes) -> object:
        """Golden samples hold the three answers side by side: `{"employments", "paye", "further"}`."""
        answers: Any = super().parse(service, body)
        return combined(**answers)

    def mapped(self, service: Service, raw: RawAnswer) -> dict[str, object]:
        """The folder's mapping; the closed month is the manifest's lag, since the interface has no place for one."""
        answers: Any = raw.payload
        return super().mapped(service, replace(raw, payload={**answers, "closed_month": raw.as_of.isoformat()[:7]}))

    async def _matched(self, person: Mapping[str, str], correlation: str) -> str:
        answer = await self._sent("POST", "/individuals/matching/", correlation, orjson.dumps(person))
        if answer.status == 404 and _code(answer) == "MATCHING_FAILED":
            raise AgencyCannotTell("number, name and birth date do not match one person", code="MATCHING_FAILED")
        body = _body(answer, "matching", "IndividualsMatchingresponse")
        return _match_id(body["_links"]["individual"].get("href"))

    async def _read(self, match: str, period: Period, question: Question, correlation: str) -> dict[str, list[Answer]]:
        dates = {"fromDate": period.start.isoformat(), "toDate": period.end.isoformat()}
        year = months.closed_tax_year(question.as_at)
        years = {"fromTaxYear": year, "toTaxYear": year}
        employments = await self._page("/individuals/employments/paye", match, dates, correlation)
        paye = await self._page("/individuals/income/paye", match, dates, correlation)
        further = await self._page("/individuals/income/sa/further-details", match, years, correlation)
        return combined(
            _body(employments, "employments", "IndividualsEmploymentsPayeresponse"),
            _body(paye, "income", "IndividualsIncomePayeresponse"),
            _body(further, "income", "IndividualsIncomeSaFurtherDetailsresponse"),
        )

    async def _page(self, path: str, match: str, query: Mapping[str, str], correlation: str) -> HttpAnswer:
        answer = await self._sent("GET", f"{path}?{urlencode({'matchId': match, **query})}", correlation)
        if answer.status == 404 and _code(answer) == "NOT_FOUND":
            raise _MatchExpired
        return answer

    async def _sent(self, method: str, path: str, correlation: str, content: bytes | None = None) -> HttpAnswer:
        async def call(token: str) -> HttpAnswer:
            headers = {"accept": MEDIA_TYPE, "authorization": f"Bearer {token}", "correlationid": correlation}
            if content is not None:
                headers["content-type"] = "application/json"
            return await self._http.request(method, path, headers=headers, content=content)

        return await self._tokens.authorised(call)


def build(kit: Kit) -> Tax:
    """Open the adapter."""
    return Tax(kit)


def match_request(subject: Subject) -> dict[str, str]:
    """The body of the match: HMRC compares the first letter of the first and three letters of the last name.

    Only a Latin spelling can go: the interface's pattern refuses the vowel signs of Sinhala and Tamil.

    Raises:
        AgencyRejectedMessage: something to match with is missing; code `incomplete`.
    """
    number = subject.identifier("TIN")
    given, family = _given_and_family(next((name.value for name in subject.names if name.script == "Latn"), ""))
    if number is None or subject.birth_date is None or not given or not family:
        raise AgencyRejectedMessage(
            "needs a tax number, a Latin given and family name, a birth date", code="incomplete"
        )
    return {"firstName": given, "lastName": family, "nino": number, "dateOfBirth": subject.birth_date.isoformat()}


def combined(employments: Answer, paye: Answer, further: Answer) -> dict[str, list[Answer]]:
    """The three answers side by side, each payment once and with the employment it was paid under.

    An employment carries its payments; a row of PAYE income that is not among them goes to the employer's latest
    employment begun by then. Pay of an employer without one in the answer stands for itself, on its own day, so that
    it is not lost. References cannot decide alone: income rows hold ten characters of one, employments fourteen.
    """
    jobs = [_job(job) for job in employments["employments"]]
    known = Counter(_key(row) for job in jobs for row in job["payments"])
    alone = []
    for row in paye["paye"]["income"]:
        if "taxablePay" not in row:  # left out when the payment held none
            continue
        if known[_key(row)] > 0:
            known[_key(row)] -= 1
        elif begun := [job for job in jobs if _begun(job, row)]:
            max(begun, key=lambda job: str(job["startDate"]))["payments"].append(row)
        else:
            alone.append({"startDate": row["paymentDate"], "endDate": row["paymentDate"], "payments": [row]})
    details = [
        {"taxYear": each["taxYear"], "turnover": 0, **detail}
        for each in further["selfAssessment"]["taxReturns"]
        for detail in each["furtherDetails"]
    ]
    return {"employments": [*jobs, *alone], "furtherDetails": details}


def _job(job: Answer) -> Answer:
    paid = [
        {"paymentDate": each.get("date"), "taxablePay": each.get("paidTaxablePay")} for each in job.get("payment", [])
    ]
    return {**job, "reference": job.get("employer", {}).get("payeReference"), "payments": paid}


def _key(row: Answer) -> tuple[object, object]:
    return row["paymentDate"], row["taxablePay"]


def _begun(job: Answer, row: Answer) -> bool:
    """The row's employer, and an employment that had begun when it paid."""
    reference = row.get("employerPayeReference")
    if reference is None or reference != job["reference"]:
        return False
    return "startDate" in job and str(job["startDate"]) <= row["paymentDate"]


def _given_and_family(name: str) -> tuple[str, str]:
    """First given name and family name of a full name; a particle belongs to the family name (`de Silva`)."""
    words = _NOT_IN_NAMES.sub("", name).split()
    if len(words) < 2:
        return "", ""
    family = words[-2:] if len(words) > 2 and words[-2].lower() in _PARTICLES else words[-1:]
    return words[0][:_NAME_LENGTH], " ".join(family)[:_NAME_LENGTH]


def _period(service: Service, question: Question) -> Period:
    """Without a period of the caller's: as far back as any claim looks, to `as_at`."""
    closed = months.closed(question.as_at, service.lag_months)
    return Period(months.first_day(months.until(closed, LONGEST_WINDOW)[0]), question.as_at)


def _body(answer: HttpAnswer, interface: str, schema: str) -> Answer:
    if answer.status != 200:
        raise error_of(answer, _code(answer))
    value = read_json(
        answer, f"agency/hmrc-individuals/individuals-{interface}-2.0.schemas.json#/components/schemas/{schema}"
    )
    assert isinstance(value, dict)  # the schema says so
    return value


def _code(answer: HttpAnswer) -> str:
    try:
        body = strict_json.loads(answer.body)
    except strict_json.StrictError:
        return ""
    code = body.get("code") if isinstance(body, dict) else None
    return code if isinstance(code, str) and _CODE.fullmatch(code) else ""


def _match_id(href: object) -> str:
    """The id at the end of `/individuals/matching/{matchId}`."""
    last = href.rpartition("/")[2] if isinstance(href, str) else ""
    try:
        return str(UUID(last))
    except ValueError:
        raise AgencyAnswerMalformed("the match holds no match id") from None
