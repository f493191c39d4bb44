"""JSON over HTTP: reading answers strictly, the usual meaning of status codes, and services that need no Python."""

import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from adapters.kit import strict_json
from adapters.kit.base import BaseAdapter, Kit, as_of
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
    Service,
    Subject,
)
from adapters.kit.declared_auth import signed_in
from adapters.kit.declared_request import Sent, sent
from adapters.kit.declared_value import declared_value
from adapters.kit.egress import HttpAnswer
from adapters.kit.fitting import check_fits, json_answer
from adapters.kit.manifest import answer_validator
from adapters.kit.meanings import meant, meant_by_status
from adapters.kit.transports.xroad_rest import through

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
    value = json_answer(answer.body, code=str(answer.status))
    if schema:
        check_fits(value, answer_validator(folder, schema), f"the answer breaks {schema}", code=str(answer.status))
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
    """A folder without `adapter.py`: the declared `request` is sent (`declared_request`), the answer is mapped.

    What is pushed goes beside it: `item`, the same when it is sent again, and `record`. The agency answers with a
    `reference` of its own and a `state`. With `client` and `service` in `[settings]` it is X-Road's REST: the service's
    path follows `/r1/` and the provider, and begins with the service code. Who we are says `declared_auth`.
    """

    def __init__(self, kit: Kit) -> None:
        super().__init__(kit)
        self._http = kit.http()
        self._signed_in = signed_in(kit)
        self._through = through(kit)

    async def ask(self, question: Question) -> RawAnswer:
        """Ask one question; 404 means that the agency does not know the person, unless `means` says otherwise."""
        service = self.service(question.service)
        request = service.extra.get("request")
        if "path" not in service.extra or not isinstance(request, Mapping):
            return await super().ask(question)
        values = {
            member: declared_value(question.subject, what, question.as_at, question.period)
            for member, what in request.items()
        }
        answer = await self.called(sent(service, values))
        told = meant_by_status(service, answer.status)
        if told is not None:
            return RawAnswer({}, as_of(service, question.as_at), str(answer.status), empty=True)
        checked_status(service, answer)
        payload = read_json(answer, service.answer_schema, self.kit.folder)
        told = meant(service, payload)
        return RawAnswer(payload, as_of(service, question.as_at), told.code or str(answer.status), empty=told.empty)

    def parse(self, service: str, body: bytes) -> object:
        """JSON, judged by the `answer_schema` and by `means` as a live answer is; see `BaseAdapter.parse`."""
        payload, offered = super().parse(service, body), self.service(service)
        if schema := offered.answer_schema:
            check_fits(payload, answer_validator(self.kit.folder, schema), f"the answer breaks {schema}")
        meant(offered, payload)
        return payload

    async def deliver(self, item: Item) -> Handed:
        """POST one item; see `contract.Adapter.deliver`."""
        service = self.service(item.service)
        if "push" not in service.actions or "path" not in service.extra:
            return await super().deliver(item)
        request, subject = service.extra.get("request"), item.subject or Subject()
        members = request if isinstance(request, Mapping) else {}
        values = {member: declared_value(subject, what) for member, what in members.items()}
        made = sent(service, values, {"item": item.id, "record": dict(item.record)})
        answer = await self.called(made, repeatable=bool(service.extra.get("repeatable", True)))
        checked_status(service, answer)
        taken = read_json(answer, RECEIPT)
        if not isinstance(taken, dict):
            raise AgencyAnswerMalformed("the answer is no receipt", code=str(answer.status))
        return Handed(str(taken["reference"]), str(taken["state"]))

    async def called(self, made: Sent, *, repeatable: bool = True) -> HttpAnswer:
        """One call, signed in as `[auth]` says."""
        through = self._through

        async def call(headers: Mapping[str, str]) -> HttpAnswer:
            answer = await self._http.request(
                made.method,
                through.target(made.target),
                headers={**made.headers, **through.headers(), **headers},
                content=made.content,
                repeatable=repeatable,
                faults=through.faults,
            )
            through.check(answer)
            return answer

        return await self._signed_in(call)


def checked_status(service: Service, answer: HttpAnswer) -> None:
    """Raise unless there is an answer: what its body says by `means` goes before what its status usually means."""
    if 200 <= answer.status < 300:
        return
    with suppress(strict_json.StrictError):
        meant(service, strict_json.loads(answer.body))
    raise error_of(answer, _own_code(answer))


def _own_code(answer: HttpAnswer) -> str:
    """The `code` of a refusal in JSON, for the log; empty where there is none that looks like one."""
    try:
        told = strict_json.loads(answer.body)
    except strict_json.StrictError:
        return ""
    code = told.get("code") if isinstance(told, dict) else None
    return code if isinstance(code, str) and _CODE.fullmatch(code) else ""
