"""SMS, WhatsApp and voice through a provider that speaks Twilio's API."""

from base64 import b64encode
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlencode

from adapters.kit import strict_json
from adapters.kit.base import BaseAdapter, Kit
from adapters.kit.contract import (
    AgencyAnswerMalformed,
    AgencyOutcomeUnknown,
    Handed,
    Hook,
    Hooked,
    HookRefused,
    Item,
    StateTold,
)
from adapters.kit.egress import HttpAnswer

from .wire import STATES, Account, SignatureInvalid, form, parse_status, refusal

LANGUAGES = ("sin", "tam", "eng")


class Messaging(BaseAdapter):
    """Sends each alert once: the provider knows no idempotency key, so a cut call is never repeated by itself."""

    def __init__(self, kit: Kit) -> None:
        super().__init__(kit)
        self._http = kit.http()
        self._account = Account(
            sid=kit.setting("account_sid"),
            from_sms=kit.setting("from_sms"),
            from_whatsapp=kit.setting("from_whatsapp"),
            from_voice=kit.setting("from_voice"),
            content_sids={language: kit.setting(f"content_sid_{language}") for language in LANGUAGES},
            callback_url=_callback_url(kit),
        )
        self._token = kit.setting("auth_token")
        login = b64encode(f"{self._account.sid}:{self._token}".encode()).decode()
        self._headers = {
            "authorization": f"Basic {login}",
            "content-type": "application/x-www-form-urlencoded",
            "accept": "application/json",
        }

    async def deliver(self, item: Item) -> Handed:
        """Send one alert. `reference` is the provider's sid, `state` its first word (`queued`).

        Raises:
            AgencyOutcomeUnknown: cut, or an answer that cannot be read: it may have been sent. A status callback
                for the item may settle it later.
            AgencyRefused: the person opted out, or the account may not send there.
            AgencyRejectedMessage: the number or the text is wrong for the provider.
        """
        self.service_for(item)
        resource, fields = form(item.record, item.id, self._account)
        try:
            answer = await self._http.request(
                "POST",
                f"/2010-04-01/Accounts/{self._account.sid}/{resource}.json",
                headers=self._headers,
                content=urlencode(fields).encode(),
                repeatable=False,
            )
        except AgencyAnswerMalformed as error:
            raise _unknown(error.code) from None
        if 300 <= answer.status < 400:  # followed nowhere, and what stands behind it may have acted
            raise _unknown(str(answer.status))
        if answer.status >= 400:
            raise refusal(answer.status, _json(answer))
        return _handed(answer)

    def hook(self, hook: Hook) -> Hooked:
        """A status callback, its signature checked with our token; see `wire.parse_status`.

        Raises:
            HookRefused: not signed by the provider, or not a status of the published list.
        """
        pairs = parse_qsl(hook.body.decode("utf-8", "replace"), keep_blank_values=True)
        parameters = dict(pairs)
        if len(parameters) != len(pairs):
            raise HookRefused("repeated", "a parameter comes twice")
        try:
            event = parse_status(hook.url, parameters, hook.headers.get("x-twilio-signature", ""), self._token)
        except SignatureInvalid as error:
            raise HookRefused("signature", str(error)) from None
        except ValueError as error:
            raise HookRefused("malformed", str(error)) from None
        return Hooked(states=(StateTold(event.item, event.word, event.rank),) if event.item else ())


def build(kit: Kit) -> Messaging:
    """The adapter of this folder."""
    return Messaging(kit)


def _callback_url(kit: Kit) -> str:
    """Where the provider tells what became of a message; without one, states stay as the call answered."""
    try:
        return kit.settings("MESSAGING_CALLBACK_URL")
    except LookupError:
        return ""


def _handed(answer: HttpAnswer) -> Handed:
    body = _json(answer)
    sid, word = (body.get("sid"), body.get("status")) if isinstance(body, Mapping) else (None, None)
    if not isinstance(sid, str) or not sid or word not in STATES:
        raise _unknown(str(answer.status))
    return Handed(sid, str(word))


def _json(answer: HttpAnswer) -> object:
    """The body, or None if it is no JSON: then the status alone speaks."""
    try:
        return strict_json.loads(answer.body)
    except strict_json.StrictError:
        return None


def _unknown(code: str) -> AgencyOutcomeUnknown:
    return AgencyOutcomeUnknown("the provider's answer cannot be read; the message may have been sent", code=code)
