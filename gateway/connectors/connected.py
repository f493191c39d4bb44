"""The adapter of an agency whose folder runs at its own place: questions go through the hub, answers come signed."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import schemas
from adapters.kit import connecting
from adapters.kit import manifest as manifests
from adapters.kit.base import BaseAdapter, Kit
from adapters.kit.contract import AgencyAnswerMalformed, AgencyError, Question, RawAnswer
from adapters.kit.egress import Dialler

from ..current_exchange import CURRENT_EXCHANGE
from ..trust.errors import CredentialRefused
from ..trust.trust import Trust
from .answers import payload_of
from .hub import Hub


class Connected(BaseAdapter):
    """Dials nothing. What it gets is a record narrowed to the question, or the claim alone."""

    def __init__(self, folder: Path, hub: Hub, trust: Trust, system: str, digest: str = "") -> None:
        """`system` is the one that the folder speaks for; its keys sign. `digest` is of the registered files, which
        the connector has to run; a folder of the operator's own has none."""
        super().__init__(Kit(folder, manifests.load(folder), {}, _nothing, Dialler()))
        self._hub, self._trust, self._system, self._digest = hub, trust, system, digest

    async def ask(self, question: Question) -> RawAnswer:
        """See `contract.Adapter.ask`.

        Raises:
            AgencyUnavailable: no connector is there.
            AgencyAnswerMalformed: the answer is not signed by the agency, or not for this question.
        """
        self.service(question.service)
        document = connecting.question_document(question)
        timeout_s = self.kit.manifest.transport.timeout_s
        asked = await self._hub.ask(self.id, CURRENT_EXCHANGE.get(), document, timeout_s, self._digest)
        signed = asked.answer.result()
        try:
            keys = (await self._trust.directory.fresh()).keys.get(self._system, ())
            payload = payload_of(signed, self._system, keys)
            told = connecting.told_of(payload)
        except CredentialRefused as error:
            raise AgencyAnswerMalformed("the answer is not signed by the agency", code=error.reason) from None
        except (ValueError, LookupError, TypeError):
            raise AgencyAnswerMalformed("the connector's answer has not its shape", code="shape") from None
        if (payload.get("id"), payload.get("question")) != (asked.id, connecting.digest(document)):
            raise AgencyAnswerMalformed("the connector answers another question", code="question")
        if self._digest and payload.get("folder") != self._digest:
            raise AgencyAnswerMalformed("the connector runs other files than were released", code="folder")
        if isinstance(told, AgencyError):
            raise told
        claimed = bool(question.claim)
        return RawAnswer(dict(told.content), told.as_of, told.code, told.match, told.empty, signed, claimed)

    def normalise(self, service: str, raw: RawAnswer) -> dict[str, object]:
        """What the connector mapped already, held against our own schema once more."""
        offered, content = self.service(service), raw.payload
        if not isinstance(content, dict):
            raise AgencyAnswerMalformed("the connector's answer has not its shape", code="shape")
        if raw.claimed:
            return content
        if fault := schemas.first_fault(_in_part(offered.record_schema), content):
            raise AgencyAnswerMalformed(f"the record breaks {offered.record_schema} at {fault}", code=raw.code)
        return content


@cache
def _in_part(name: str) -> schemas.Validator:
    """A record schema for records of which only what was asked for is there."""
    whole: Mapping[str, Any] = schemas.load(name)
    return schemas.compiled({key: value for key, value in whole.items() if key != "required"}, name)


def _nothing(name: str) -> str:
    raise LookupError(name)
