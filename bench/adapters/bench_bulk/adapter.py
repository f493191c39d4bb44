"""500 people a call: `POST /people {"nics": [...]}` answers `{"people": [...]}` in the order asked."""

from collections.abc import AsyncIterator, Sequence

import orjson

import schemas
from adapters.kit.base import BaseAdapter, Kit, as_of
from adapters.kit.contract import Adapter, AgencyAnswerMalformed, AgencyError, Question, RawAnswer
from adapters.kit.transports.rest import JSON, error_of, read_json

AT_ONCE = 500


class Bulk(BaseAdapter):
    """Asks in chunks; the static backend always answers about 500 people, so what is too much is left."""

    def __init__(self, kit: Kit) -> None:
        super().__init__(kit)
        self._http = kit.http()

    async def ask_many(self, questions: Sequence[Question]) -> AsyncIterator[tuple[int, RawAnswer | AgencyError]]:
        """See `contract.Adapter.ask_many`."""
        for start in range(0, len(questions), AT_ONCE):
            chunk = questions[start : start + AT_ONCE]
            try:
                answers: Sequence[RawAnswer | AgencyError] = await self._answers(chunk)
            except AgencyError as error:
                answers = [error] * len(chunk)
            for place, answer in enumerate(answers, start):
                yield place, answer

    async def _answers(self, questions: Sequence[Question]) -> list[RawAnswer | AgencyError]:
        service = self.service(questions[0].service)
        content = orjson.dumps({"nics": [each.subject.identifier("NIC") for each in questions]})
        answer = await self._http.request("POST", "/people", headers=JSON, content=content)
        if answer.status != 200:
            raise error_of(answer)
        payload = read_json(answer)
        people = payload.get("people") if isinstance(payload, dict) else None
        if not isinstance(people, list) or len(people) < len(questions):
            raise AgencyAnswerMalformed("the answer has fewer people than were asked about")
        checker, day = schemas.validator(service.answer_schema), as_of(service, questions[0].as_at)
        return [
            RawAnswer(person, day, code="200") if checker.is_valid(person) else AgencyAnswerMalformed("not our shape")
            for person in people[: len(questions)]
        ]


def build(kit: Kit) -> Adapter:
    """See `adapters.kit.opening`."""
    return Bulk(kit)
