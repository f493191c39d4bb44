"""Twilio's wire: forms out, answers and signed status callbacks in. Pure functions, no network.

Source: Twilio's published OpenAPI `twilio_api_v2010` (Messages.json, Calls.json); the callback signature is
described in Twilio's security documentation, see README.md.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, quote, urlsplit
from xml.sax.saxutils import escape

from adapters.kit.codes import own_lists
from adapters.kit.contract import AgencyError, AgencyRefused, AgencyRejectedMessage, AgencyUnavailable
from adapters.kit.meanings import ERRORS

BODY_LIMIT = 1600  # characters, Messages.json `Body`
TWIML_LIMIT = 4000  # characters, Calls.json `Twiml`
ITEM_PARAMETER = "item"  # of the callback URL: settles a delivery whose POST was cut before its answer

SPOKEN = {"sin": "si-LK", "tam": "ta-LK", "eng": "en-GB"}  # ISO 639-3 -> BCP 47, as <Say language> wants it

PENDING, SENT, DELIVERED, FAILED = "pending", "sent", "delivered", "failed"
_LISTS = own_lists(__file__)
STATES = _LISTS["state"]
_RANK = {PENDING: 0, SENT: 1, DELIVERED: 2, FAILED: 2}


@dataclass(frozen=True, slots=True)
class Account:
    """Who sends. Numbers are E.164; `content_sids` maps ISO 639-3 language -> approved WhatsApp template."""

    sid: str
    from_sms: str
    from_whatsapp: str
    from_voice: str
    content_sids: Mapping[str, str]
    callback_url: str = ""  # empty: no callbacks, states stay as the POST answered


@dataclass(frozen=True, slots=True)
class StatusEvent:
    """What a callback says about one message or call.

    Attributes:
        reference: Twilio's MessageSid or CallSid.
        state: pending | sent | delivered | failed.
        word: Twilio's own word.
        item: the delivery it belongs to, empty if the callback URL carried none.
        code: Twilio's ErrorCode, empty if none.
    """

    reference: str
    state: str
    word: str
    item: str = ""
    code: str = ""

    @property
    def rank(self) -> int:
        """How far along: a state of a lower rank never replaces a higher one."""
        return _RANK[self.state]

    def after(self, earlier: str) -> bool:
        """Whether this state replaces `earlier`. Callbacks come twice and out of order: nothing moves backwards."""
        return _RANK[self.state] > _RANK[earlier]


class SignatureInvalid(ValueError):
    """The callback was not signed by Twilio with our token. Answer 403 and change nothing."""


def form(alert: Mapping[str, object], item: str, account: Account) -> tuple[str, dict[str, str]]:
    """The resource (`Messages` or `Calls`) and the form fields for one alert.

    Args:
        alert: a canonical `alert` record, already validated.
        item: id of the delivery; goes into the callback URL, never a person's number.

    Raises:
        AgencyRejectedMessage: the text is too long for the channel, or there is no template in that language.
    """
    fields = _FORMS[str(alert["channel"])](alert, account)
    if account.callback_url:
        fields["StatusCallback"] = callback_url(account.callback_url, item)
    return ("Calls" if alert["channel"] == "voice" else "Messages"), fields


def callback_url(base: str, item: str) -> str:
    """The callback URL of one delivery: `base?item=<id>`."""
    return f"{base}{'&' if '?' in base else '?'}{ITEM_PARAMETER}={quote(item, safe='')}"


def _sms(alert: Mapping[str, object], account: Account) -> dict[str, str]:
    text = str(alert["text"])
    if len(text) > BODY_LIMIT:
        raise AgencyRejectedMessage(f"text: longer than {BODY_LIMIT} characters; shorten it", code="21617")
    return {"To": str(alert["to"]), "From": account.from_sms, "Body": text}


def _whatsapp(alert: Mapping[str, object], account: Account) -> dict[str, str]:
    template = alert.get("template")
    if isinstance(template, Mapping):
        sid, variables = str(template["sid"]), template.get("variables", {})
    else:
        sid, variables = account.content_sids.get(str(alert["language"]), ""), {"1": str(alert["text"])}
    if not sid:
        raise AgencyRejectedMessage("template: none is approved for this language; set MESSAGING_CONTENT_SID_*")
    return {
        "To": f"whatsapp:{alert['to']}",
        "From": f"whatsapp:{account.from_whatsapp}",
        "ContentSid": sid,
        "ContentVariables": json.dumps(variables, ensure_ascii=False, sort_keys=True),
    }


def _voice(alert: Mapping[str, object], account: Account) -> dict[str, str]:
    said = SPOKEN[str(alert["language"])]
    twiml = f'<Response><Say language="{said}">{escape(str(alert["text"]))}</Say></Response>'
    if len(twiml) > TWIML_LIMIT:
        raise AgencyRejectedMessage(f"text: spoken form is longer than {TWIML_LIMIT} characters; shorten it")
    return {"To": str(alert["to"]), "From": account.from_voice, "Twiml": twiml}


_FORMS = {"sms": _sms, "whatsapp": _whatsapp, "voice": _voice}


def refusal(status: int, answer: object) -> AgencyError:
    """The error for an HTTP status of 4xx kind and its JSON body `{code, message, more_info, status}`.

    Twilio's `message` repeats the phone number, so it is never carried on.
    """
    code = answer.get("code") if isinstance(answer, Mapping) else None
    meaning = _LISTS["error"].get(str(code))
    by_status = {401: AgencyRefused, 403: AgencyRefused, 429: AgencyUnavailable}.get(status, AgencyRejectedMessage)
    kind = ERRORS[meaning][0] if meaning else by_status
    return kind("the messaging provider did not take the message; see its code", code=str(code or status))


def signature(url: str, parameters: Mapping[str, str], token: str) -> str:
    """The `X-Twilio-Signature` of a form callback: base64(HMAC-SHA1(token, url + name and value, sorted by name))."""
    text = url + "".join(f"{name}{parameters[name]}" for name in sorted(parameters))
    mac = hmac.new(token.encode(), text.encode(), hashlib.sha1)  # SHA-1 is Twilio's choice, as HMAC still sound
    return base64.b64encode(mac.digest()).decode()


def parse_status(url: str, parameters: Mapping[str, str], signed: str, token: str) -> StatusEvent:
    """Check and read one status callback.

    Args:
        url: the full URL as Twilio called it, query included.
        parameters: every POST parameter, once each (a repeated name is refused before this).
        signed: the `X-Twilio-Signature` header.
        token: our auth token.

    Raises:
        SignatureInvalid: not signed with our token.
        ValueError: signed, but without an id or with a state Twilio's contract does not name.
    """
    expected = signature(url, parameters, token)
    if not hmac.compare_digest(expected.encode(), signed.encode()):
        raise SignatureInvalid("X-Twilio-Signature does not fit the URL, the parameters and MESSAGING_AUTH_TOKEN")
    reference = parameters.get("MessageSid") or parameters.get("CallSid") or ""
    word = parameters.get("MessageStatus") or parameters.get("CallStatus") or ""
    if not reference or word not in STATES:
        raise ValueError("a status callback needs MessageSid or CallSid and a state of the published list")
    item = parse_qs(urlsplit(url).query).get(ITEM_PARAMETER, [""])[0]
    return StatusEvent(reference, STATES[word], word, item, parameters.get("ErrorCode", ""))
