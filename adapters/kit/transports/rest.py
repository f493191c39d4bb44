"""JSON over HTTP: reading answers strictly, the usual meaning of status codes, and services that need no Python."""

from collections.abc import Mapping
from pathlib import Path

import orjson

import schemas
from adapters.kit import strict_json
from adapters.kit.base import BaseAdapter, Kit, as_of
from adapters.kit.contract import (
    AgencyAnswerMalformed,
    AgencyError,
    AgencyHasNoSuchPerson,
    AgencyRefused,
    AgencyRejectedMessage,
    Question,
    RawAnswer,
)
from adapters.kit.egress import HttpAnswer
from adapters.kit.manifest import answer_validator

JSON = {"content-type": "application/json", "accept": "application/json"}


def read_json(answer: HttpAnswer, schema: str = "", folder: Path = Path()) -> object:
    """The JSON value of an answer, checked against the agency's own schema if one is named; `folder` is where a
    schema of the adapter's own lies.

    Raises:
        AgencyAnswerMalformed: not JSON by type or content, or not what the schema allows.
    """
    kind = answer.content_type
    if kind != "application/json" and not kind.endswith("+json"):
        raise AgencyAnswerMalformed("the answer is not JSON by its content type", code=str(answer.status))
    try:
        value = strict_json.loads(answer.body)
    except strict_json.StrictError as error:
        raise AgencyAnswerMalformed(f"the answer is {error}", code=str(answer.status)) from None
    fault = schemas.first_fault(answer_validator(folder, schema), value) if schema else None
    if fault is not None:
        raise AgencyAnswerMalformed(f"the answer breaks {schema} at {fault}", code=str(answer.status))
    return value


def error_of(answer: HttpAnswer, code: str = "") -> AgencyError:
    """What a status outside 200-299 usually means; 429 and 5xx never get here. `code` is the agency's own."""
    told = code or str(answer.status)
    if answer.status in {401, 403}:
        return AgencyRefused("the agency refuses us", code=told)
    if answer.status == 404:
        return AgencyHasNoSuchPerson("the agency does not know the person", code=told)
    if 400 <= answer.status < 500:
        return AgencyRejectedMessage("the agency cannot read our message", code=told)
    return AgencyAnswerMalformed("an answer with an unexpected status", code=told)


class DeclaredRest(BaseAdapter):
    """A folder without `adapter.py`: POST the declared `request` to the declared `path`, map the answer.

    `[auth] kind` is `none` or `bearer` (with `token = "secret:NAME"`).
    """

    def __init__(self, kit: Kit) -> None:
        super().__init__(kit)
        self._http = kit.http()
        self._headers = dict(JSON)
        if kit.manifest.auth_kind == "bearer":
            self._headers["authorization"] = f"Bearer {kit.setting('token')}"

    async def ask(self, question: Question) -> RawAnswer:
        """POST one question; 404 means that the agency does not know the person."""
        service = self.service(question.service)
        path, request = service.extra.get("path"), service.extra.get("request")
        if not isinstance(path, str) or not isinstance(request, Mapping):
            return await super().ask(question)
        body = orjson.dumps({member: _carried(question, what) for member, what in request.items()})
        answer = await self._http.request("POST", path, headers=self._headers, content=body)
        if not 200 <= answer.status < 300:
            raise error_of(answer)
        payload = read_json(answer, service.answer_schema, self.kit.folder)
        return RawAnswer(payload, as_of(service, question.as_at), code=str(answer.status))


def _carried(question: Question, what: str) -> str:
    """What one member of the request carries: `identifier:NIC`, `name:Latn`, `birth_date` or `as_at`."""
    subject = question.subject
    kind, _, key = what.partition(":")
    if kind == "identifier":
        value = subject.identifier(key)
    elif kind == "name":
        value = next((name.value for name in subject.names if name.script == key), None)
    elif kind == "birth_date":
        value = subject.birth_date.isoformat() if subject.birth_date else None
    else:
        value = question.as_at.isoformat()
    if value is None:
        raise AgencyRejectedMessage(
            f"the agency must be told {what}, and the caller does not hold it", code="incomplete"
        )
    return value
