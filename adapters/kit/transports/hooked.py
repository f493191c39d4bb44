"""A declared REST folder whose agency calls us: events by webhook, and answers that come later (`declared_hook`)."""

from collections.abc import Mapping
from typing import Any

from adapters.kit import declared_hook
from adapters.kit.base import Kit, NotConfigured, as_of
from adapters.kit.callback import record_schema_of
from adapters.kit.contract import (
    AgencyAnswerMalformed,
    AgencyError,
    AgencyRejectedMessage,
    AnsweredLater,
    Hook,
    Hooked,
    HookRefused,
    Question,
    RawAnswer,
    Told,
)
from adapters.kit.declared_hook import DeclaredAnswer, Webhook
from adapters.kit.declared_request import sent
from adapters.kit.declared_value import declared_value
from adapters.kit.fitting import check_fits
from adapters.kit.manifest import answer_validator
from adapters.kit.mapping import MappingError
from adapters.kit.meanings import meant
from adapters.kit.transports.rest import DeclaredRest, checked_status


class HookedRest(DeclaredRest):
    """The agency's calls come to `/hooks/<folder's name>`."""

    def __init__(self, kit: Kit) -> None:
        super().__init__(kit)
        declared = kit.manifest.webhook
        assert declared is not None
        self._hook: Webhook = declared
        self._secret = kit.setting("hook_secret")
        if len(self._secret) < declared_hook.SHORTEST_SECRET:
            told = f"the secret of [webhook] can be guessed; use {declared_hook.SHORTEST_SECRET} characters or more"
            raise NotConfigured(f"{kit.manifest.id}: {told}")

    def hook(self, hook: Hook) -> Hooked:
        """See `TakesHooks.hook`: everything of a call, or nothing."""
        if hook.method == "GET":
            return Hooked(content=declared_hook.challenge_answer(self._hook, hook.query))
        told = declared_hook.checked(self._hook, self._secret, hook)
        named = [(declared_hook.met(self._hook, each), each) for each in told]
        events = tuple(self._told(name, each) for name, each in named if name in self._hook.events)
        answers = tuple(self._answered(name, each, hook) for name, each in named if name in self._hook.answers)
        passed_over = len(told) - len(events) - len(answers)
        content = {"taken": len(told) - passed_over, "passed_over": passed_over}
        return Hooked(events=events, answers=answers, content=content)

    def told_record(self, name: str, told: object) -> dict[str, object]:
        """The canonical record of one event, as the folder's mapping has it.

        Raises:
            AgencyAnswerMalformed: it cannot be mapped, breaks our schema, or names nobody.
        """
        event = self._hook.events[name]
        try:
            declared_hook.subject_of(event, told)
            record = self.kit.mapping[name](told)
        except (MappingError, HookRefused) as error:
            raise AgencyAnswerMalformed(str(error)) from None
        check_fits(record, record_schema_of(event.tells), f"the record breaks {event.tells}")
        return record

    def _told(self, name: str, told: object) -> Told:
        event = self._hook.events[name]
        try:
            record = self.told_record(name, told)
        except AgencyAnswerMalformed as error:
            raise HookRefused("malformed", error.detail) from None
        key = f"{self.id}:{name}:{declared_hook.identity(self._hook, told)}"
        return Told(key, event.tells, record, declared_hook.subject_of(event, told))

    def _answered(self, name: str, told: object, hook: Hook) -> AnsweredLater:
        declared: DeclaredAnswer = self._hook.answers[name]
        reference = declared_hook.word_at(told, declared.reference)
        service = self.kit.manifest.services[name]
        try:
            if schema := service.answer_schema:
                check_fits(told, answer_validator(self.kit.folder, schema), f"the answer breaks {schema}")
            said = meant(service, told)
        except AgencyError as error:
            return AnsweredLater(reference, error)
        return AnsweredLater(reference, RawAnswer(told, as_of(service, hook.at.date()), said.code, empty=said.empty))


class LaterRest(HookedRest):
    """One that takes a question now and answers it by a call of its own; see `contract.AnswersLater`."""

    async def ask(self, question: Question) -> RawAnswer:
        """It answers later only."""
        self.service(question.service)
        raise AgencyRejectedMessage("the agency answers later only", code="answers_later")

    async def ask_later(self, question: Question, reference: str) -> None:
        """Put the question; what the agency answers at once is taken as its word that it has it, by its status."""
        service = self.service(question.service)
        request: Any = service.extra.get("request")
        if not isinstance(request, Mapping) or "path" not in service.extra:
            raise AgencyRejectedMessage("the service cannot be asked about one person", code="push_only")
        values = {
            member: reference
            if what == "reference"
            else declared_value(question.subject, what, question.as_at, question.period)
            for member, what in request.items()
        }
        checked_status(service, await self.called(sent(service, values)))
