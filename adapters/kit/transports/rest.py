"""JSON over HTTP: reading answers strictly, the usual meaning of status codes, and services that need no Python."""

import re
from collections.abc import Mapping
from pathlib import Path

import orjson

import schemas
from adapters.kit import strict_json
from adapters.kit.base import BaseAdapter, Kit, as_of
from adapters.kit.carrying import carried
from adapters.kit.contract import (
    AgencyAnswerMalformed,
    AgencyError,
    AgencyHasNoSuchPerson,
    AgencyRefused,
    AgencyRejectedMessage,
    Handed,
    Item,
    Question,
    RawAnswer,
    Subject,
)
from adapters.kit.egress import HttpAnswer
from adapters.kit.manifest import answer_validator
from adapters.kit.meanings import meant

RECEIPT = "own/receipt.v1.json"
_CODE = re.compile(r"[A-Z][A-Z0-9_]{1,39}", re.ASCII)
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

    What is pushed goes beside it: `item`, the same when it is sent again, and `record`. The agency answers with a
    `reference` of its own and a `state`.

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
        body = {
            member: carried(question.subject, what, question.as_at, question.period) for member, what in request.items()
        }
        answer = await self._posted(path, body)
        payload = read_json(answer, service.answer_schema, self.kit.folder)
        told = meant(service, payload)
        return RawAnswer(payload, as_of(service, question.as_at), told.code or str(answer.status), empty=told.empty)

    def parse(self, service: str, body: bytes) -> object:
        """JSON; what it says in place of a record is raised, as for an answer; see `BaseAdapter.parse`."""
        payload = super().parse(service, body)
        meant(self.service(service), payload)
        return payload

    async def deliver(self, item: Item) -> Handed:
        """POST one item; see `contract.Adapter.deliver`."""
        service = self.service(item.service)
        path = service.extra.get("path")
        if "push" not in service.actions or not isinstance(path, str):
            return await super().deliver(item)
        request, subject = service.extra.get("request"), item.subject or Subject()
        members = request if isinstance(request, Mapping) else {}
        body: dict[str, object] = {member: carried(subject, what) for member, what in members.items()}
        body |= {"item": item.id, "record": dict(item.record)}
        answer = await self._posted(path, body, repeatable=bool(service.extra.get("repeatable", True)))
        taken = read_json(answer, RECEIPT)
        if not isinstance(taken, dict):
            raise AgencyAnswerMalformed("the answer is no receipt", code=str(answer.status))
        return Handed(str(taken["reference"]), str(taken["state"]))

    async def _posted(self, path: str, body: Mapping[str, object], *, repeatable: bool = True) -> HttpAnswer:
        content = orjson.dumps(body)
        answer = await self._http.request("POST", path, headers=self._headers, content=content, repeatable=repeatable)
        if not 200 <= answer.status < 300:
            raise error_of(answer, _own_code(answer))
        return answer


def _own_code(answer: HttpAnswer) -> str:
    """The `code` of a refusal in JSON, for the log; empty where there is none that looks like one."""
    try:
        told = strict_json.loads(answer.body)
    except strict_json.StrictError:
        return ""
    code = told.get("code") if isinstance(told, dict) else None
    return code if isinstance(code, str) and _CODE.fullmatch(code) else ""
