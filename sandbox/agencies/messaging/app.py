"""The routes. The account is checked before the body is read."""

import base64
import binascii
import hmac
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import format_datetime

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.faults import Faults, Faulty, WrongAnswers
from sandbox.strict import BodyTooLarge, bounded

from . import forms
from .callbacks import Carrier
from .errors import Refused
from .journey import OPTED_OUT, journey, luck
from .settings import MessagingSettings
from .store import Sent, Store

BASE = "/2010-04-01/Accounts/{account}"
MOST_BYTES = 256 * 1024


def build(store: Store, settings: MessagingSettings, faults: Faults) -> Starlette:
    """The agency as an ASGI app, to be mounted where `settings.url` points.

    Callbacks that a restart interrupted go on with the first request, or when the server calls `app.state.resume()`
    from its event loop.
    """
    carrier = Carrier(store, settings)
    agency = _Agency(store, settings, carrier)
    wrong = WrongAnswers(
        media_type="application/json",
        wrong_schema=b'{"sid":null,"status":"gone","to":7}',
        refuse=lambda _: Refused(20005, 403).response(),
    )
    app = Starlette(
        routes=[
            Route(f"{BASE}/Messages.json", agency.guarded(agency.message), methods=["POST"]),
            Route(f"{BASE}/Calls.json", agency.guarded(agency.call), methods=["POST"]),
            Route(f"{BASE}/Messages/{{sid}}.json", agency.guarded(agency.fetch), methods=["GET"]),
            Route(f"{BASE}/Calls/{{sid}}.json", agency.guarded(agency.fetch), methods=["GET"]),
        ],
        middleware=[Middleware(Faulty, faults=faults, answers=wrong)],
    )
    app.state.resume = carrier.resume
    return app


class _Agency:
    def __init__(self, store: Store, settings: MessagingSettings, carrier: Carrier) -> None:
        self._store = store
        self._settings = settings
        self._carrier = carrier

    def guarded(self, answer: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        """Account and token first; refusals in Twilio's shape."""

        async def route(request: Request) -> Response:
            self._carrier.resume()
            try:
                self._authenticate(request)
                return await answer(request)
            except Refused as refused:
                return refused.response()

        return route

    async def message(self, request: Request) -> Response:
        """`POST /Messages.json`"""
        form = forms.read(await _body(request), "Messages", missing=21604)
        channel = forms.check_message(form, self._settings)
        to = str(form["To"])
        if channel == "sms" and (self._store.opted_out(to) or luck(channel, to) % OPTED_OUT == 0):
            raise Refused(21610)
        text = str(form.get("Body") or form.get("ContentVariables", ""))
        sid = f"SM{secrets.token_hex(16)}"
        sent = _new(sid, channel, form, text)
        return await self._taken(sent, template="ContentSid" in form)

    async def call(self, request: Request) -> Response:
        """`POST /Calls.json`"""
        form = forms.read(await _body(request), "Calls", missing=21201)
        forms.check_call(form, self._settings)
        sent = _new(f"CA{secrets.token_hex(16)}", "voice", form, str(form["Twiml"]))
        return await self._taken(sent, template=False)

    async def fetch(self, request: Request) -> Response:
        """`GET /Messages/{sid}.json` and `GET /Calls/{sid}.json`"""
        sid = request.path_params["sid"]
        sent = self._store.find(sid)
        if sent is None or (sent.channel == "voice") != ("/Calls/" in request.url.path):
            raise Refused(20404, 404)
        return JSONResponse(_wire(sent, self._settings.account_sid))

    async def _taken(self, sent: Sent, *, template: bool) -> Response:
        """Stored, then on its way; sometimes its callbacks are there before this answer is."""
        way = journey(sent.channel, sent.receiver, template=template)
        self._store.add(replace(sent, error=way.error), way.states)
        travel = self._carrier.send(sent.sid)
        if way.early:
            await self._carrier.ahead(travel)
        return JSONResponse(_wire(sent, self._settings.account_sid), 201)

    def _authenticate(self, request: Request) -> None:
        """HTTP basic: account sid and auth token; the account in the path must be the same."""
        scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
        try:
            given = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            given = b""
        expected = f"{self._settings.account_sid}:{self._settings.auth_token}".encode()
        same_account = request.path_params["account"] == self._settings.account_sid
        if scheme.lower() != "basic" or not hmac.compare_digest(given, expected) or not same_account:
            raise Refused(20003, 401)


async def _body(request: Request) -> bytes:
    """Twilio reads forms only: of anything else it sees no parameters."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
        return b""
    try:
        return await bounded(request.stream(), MOST_BYTES)
    except BodyTooLarge:
        raise Refused(20001) from None


def _new(sid: str, channel: str, form: forms.Form, text: str) -> Sent:
    now = datetime.now(UTC).isoformat()
    events = ",".join(form.get("StatusCallbackEvent", ["completed"])) if channel == "voice" else ""
    callback = str(form.get("StatusCallback", ""))
    return Sent(sid, channel, str(form["From"]), str(form["To"]), text, callback, events, now, now, "queued")


def _wire(sent: Sent, account: str) -> dict[str, object]:
    """The published message or call object; what this provider has no value for is null."""
    kind = "Calls" if sent.channel == "voice" else "Messages"
    common: dict[str, object] = {
        "sid": sent.sid,
        "account_sid": account,
        "api_version": "2010-04-01",
        "from": sent.sender,
        "to": sent.receiver,
        "status": sent.status,
        "direction": "outbound-api",
        "date_created": _rfc2822(sent.created),
        "date_updated": _rfc2822(sent.updated),
        "price": None,
        "price_unit": "USD",
        "uri": f"/2010-04-01/Accounts/{account}/{kind}/{sent.sid}.json",
        "subresource_uris": {},
    }
    if kind == "Calls":
        return {**common, "start_time": None, "end_time": None, "duration": None, "answered_by": None}
    ended = sent.status in {"undelivered", "failed"}
    return {
        **common,
        "body": sent.text,
        "num_segments": str(_segments(sent.text)),
        "num_media": "0",
        "date_sent": None if sent.status == "queued" else _rfc2822(sent.updated),
        "error_code": sent.error if ended else None,
        "error_message": None,
        "messaging_service_sid": None,
    }


def _segments(text: str) -> int:
    """160 characters in one GSM part, 70 in UCS-2, which Sinhala and Tamil need; fewer when there are several."""
    one, more = (160, 153) if text.isascii() else (70, 67)
    return 1 if len(text) <= one else -(-len(text) // more)


def _rfc2822(moment: str) -> str:
    return format_datetime(datetime.fromisoformat(moment))
