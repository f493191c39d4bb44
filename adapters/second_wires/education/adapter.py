"""Studies of a learner from OpenEMIS Core: who has the number, then all rows of that student.

What this contract cannot say is not provided: forms of study, and qualifications.
"""

import re
import time
from datetime import date
from typing import Any
from uuid import uuid4

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

import schemas
from adapters.kit.base import BaseAdapter, Kit, NotConfigured, as_of
from adapters.kit.contract import (
    AgencyAnswerMalformed,
    AgencyHasNoSuchPerson,
    AgencyRejectedMessage,
    Period,
    Question,
    RawAnswer,
    Service,
)
from adapters.kit.egress import HttpAnswer
from adapters.kit.fitting import check_fits
from adapters.kit.transports.oauth import ClientCredentials
from adapters.kit.transports.rest import error_of, read_json

from . import wire

GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ASSERTION_S = 120  # how long one is good for
USERS, STUDENTS = "agency/openemis/users.json", "agency/openemis/institution-students.json"
EARLIEST = date(1950, 1, 1)  # as the first wire asks
_LEARNER = re.compile(r"[0-9]{11}", re.ASCII)


class Education(BaseAdapter):
    """One question is two reads."""

    def __init__(self, kit: Kit) -> None:
        super().__init__(kit)
        self._http = kit.http()
        self._client, self._key = kit.setting("client_id"), _key(kit.setting("signing_key"))
        self._audience = f"{kit.setting('base_url').rstrip('/')}/oauth/token"
        self._tokens = ClientCredentials(self._http, "/oauth/token", {"grant_type": GRANT}, fresh=self._assertion)

    async def ask(self, question: Question) -> RawAnswer:
        """Ask by learner number; see `contract.Adapter.ask`.

        Raises:
            AgencyHasNoSuchPerson: OpenEMIS has nobody with this number.
        """
        service = self.service(question.service)
        learner = question.subject.identifier("LEARNER") or ""
        if not _LEARNER.fullmatch(learner):
            raise AgencyRejectedMessage("OpenEMIS is asked by learner number, 11 digits", code="identifier")
        users = await self._read(wire.user_path(learner), USERS)
        if not users:
            raise AgencyHasNoSuchPerson("OpenEMIS has nobody with this learner number", code="no_user")
        if len(users) > 1 or users[0]["openemis_no"] != learner:
            raise AgencyAnswerMalformed("not the one person who was asked about at /data", code="person")
        rows = await self._read(wire.rows_path(users[0]["id"]), STUDENTS)
        if any(row["student_id"] != users[0]["id"] for row in rows):
            raise AgencyAnswerMalformed("a row about somebody else at /data", code="person")
        payload = _payload(rows, question.period or Period(EARLIEST, question.as_at))
        return RawAnswer(payload, as_of(service, question.as_at), code="200", empty=not rows)

    def parse(self, service: str, body: bytes) -> object:
        """The rows of an `Institution-Students.json` answer.

        Raises:
            AgencyAnswerMalformed: not JSON, or not what the schema allows.
        """
        value: Any = super().parse(service, body)
        check_fits(value, schemas.validator(STUDENTS), f"the answer breaks {STUDENTS}")
        return _payload(value["data"], Period(EARLIEST, date.max))

    def mapped(self, service: Service, raw: RawAnswer) -> dict[str, object]:
        """Rows joined to studies, and the month that is closed by agreement."""
        del service  # the adapter has one
        payload: Any = raw.payload
        return {
            "closed_month": raw.as_of.isoformat()[:7],
            "enrolments": wire.studies(payload["rows"], payload["start"], payload["end"]),
        }

    async def _read(self, path: str, schema: str) -> list[dict[str, Any]]:
        async def call(token: str) -> HttpAnswer:
            headers = {"accept": "application/json", "authorization": f"Bearer {token}"}
            return await self._http.request("GET", path, headers=headers)

        answer = await self._tokens.authorised(call)
        if answer.status == 404:  # a search finds nothing or something: its address is wrong
            raise AgencyRejectedMessage("OpenEMIS has no such model at this address", code="404")
        if answer.status != 200:
            raise error_of(answer)
        body: Any = read_json(answer, schema)
        if body.get("total", len(body["data"])) != len(body["data"]):
            raise AgencyAnswerMalformed("rows are missing at /data", code="total")
        rows: list[dict[str, Any]] = body["data"]
        return rows

    def _assertion(self) -> dict[str, str]:
        """Who we are, signed anew for each token."""
        now = int(time.time())
        claims = {"iss": self._client, "scope": "API", "aud": self._audience, "iat": now, "exp": now + ASSERTION_S}
        return {"assertion": jwt.encode({"alg": "RS256"}, claims | {"jti": str(uuid4())}, self._key)}


def build(kit: Kit) -> Education:
    """The adapter of this folder."""
    return Education(kit)


def _payload(rows: list[dict[str, Any]], period: Period) -> dict[str, object]:
    """What the record is made of: the interface cannot be asked for a period, so it is kept beside the rows."""
    used = [wire.used(row) for row in rows]
    return {"rows": used, "start": period.start.isoformat(), "end": period.end.isoformat()}


def _key(pem: str) -> RSAKey:
    try:
        key = RSAKey.import_key(pem)
    except (ValueError, JoseError):
        key = None
    if key is None or not key.is_private:
        raise NotConfigured("education: signing_key is not a private RSA key in PEM")
    return key
