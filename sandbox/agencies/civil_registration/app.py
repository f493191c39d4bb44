"""The routes: token, signed search, JWKS, webhook subscriptions."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources
from uuid import uuid4

import jsonschema_rs
import orjson
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox import strict
from sandbox.client_tokens import Grant, TokenIssuer, TokenRefused
from sandbox.faults import Faults, Faulty, WrongAnswers

from . import registers, signing
from .errors import NotProcessed, RejectedItem, RejectedMessage, bad, stamp
from .hooks import Hooks
from .registers import Records
from .settings import HOOK_SCOPE, SEARCH_SCOPE, CivilRegistrationSettings

_REMEMBERED_MESSAGES = 100_000


def build(records: Records, settings: CivilRegistrationSettings, faults: Faults) -> Starlette:
    """The agency as an ASGI app, to be mounted where `settings.url` points.

    `app.state.hooks` is its `Hooks`: call `start()` once the event loop runs and `close()` at the end.
    """
    hooks = Hooks(settings.store, settings.hook_secret, settings.retry_s)
    agency = _Agency(records, settings, hooks)
    wrong = WrongAnswers(
        media_type="application/json",
        wrong_schema=b'{"header":{"action":"on-search","status":"fine"},"message":[]}',
        refuse=lambda _: NotProcessed(403, "err.request.forbidden", "not allowed").response(),
        always_right=("/token", "/.well-known/jwks.json"),
    )
    app = Starlette(
        routes=[
            Route("/oauth2/client/token", agency.tokens.endpoint, methods=["POST"]),
            Route("/.well-known/jwks.json", agency.jwks, methods=["GET"]),
            Route("/registry/sync/search", agency.search, methods=["POST"]),
            Route("/webhooks", agency.list_hooks, methods=["GET"]),
            Route("/webhooks", agency.add_hook, methods=["POST"]),
            Route("/webhooks/{id}", agency.drop_hook, methods=["DELETE"]),
        ],
        middleware=[Middleware(Faulty, faults=faults, answers=wrong)],
        exception_handlers={NotProcessed: _not_processed},
    )
    app.router.redirect_slashes = False
    app.state.hooks = hooks
    return app


def _not_processed(_: Request, error: Exception) -> Response:
    assert isinstance(error, NotProcessed)
    return error.response()


@dataclass(frozen=True, slots=True)
class _Item:
    """One member of `search_response`."""

    wire: dict[str, object]
    found: int = 0
    rejected: bool = False


class _Agency:
    """Answers, and the message ids seen so far (a duplicate is refused until 100,000 others have come)."""

    def __init__(self, records: Records, settings: CivilRegistrationSettings, hooks: Hooks) -> None:
        self._records = records
        self._settings = settings
        self._hooks = hooks
        self._own_key = RSAKey.import_key(settings.own_key)
        self._partner_key = RSAKey.import_key(settings.signing_key)
        self._seen: OrderedDict[str, None] = OrderedDict()
        text = resources.files("schemas").joinpath("dci/crvs.json").read_bytes()
        schema = orjson.loads(text)["operations"]["/registry/sync/search"]["request"]
        self._schema = jsonschema_rs.Draft4Validator(schema, validate_formats=True)
        self.tokens = TokenIssuer(
            "civil_registration", settings.clients, settings.token_secret, lifetime_s=settings.token_valid_s
        )

    async def jwks(self, _: Request) -> Response:
        """The key answers are signed with."""
        return JSONResponse({"keys": [signing.public_jwk(self._own_key)]})

    async def search(self, request: Request) -> Response:
        """`POST /registry/sync/search`."""
        self._granted(request, SEARCH_SCOPE)
        envelope = await _json_object(request)
        header, message = self._believed(envelope)
        try:
            self._check_header(header, message)
        except RejectedMessage as rejected:
            return self._reply(header, {"status": "rjct"} | _reasons(rejected), None)
        answered = self._answered(message["search_request"])
        reply = {
            "transaction_id": message["transaction_id"],
            "correlation_id": str(uuid4()),
            "search_response": [item.wire for item in answered],
        }
        counts = {"total_count": sum(item.found for item in answered), "completed_count": len(answered)}
        return self._reply(header, {"status": "succ", **counts}, reply)

    def _granted(self, request: Request, scope: str) -> Grant:
        try:
            grant = self.tokens.check(request.headers.get("authorization", ""))
        except TokenRefused as error:
            raise NotProcessed(401, "err.request.unauthorized", str(error)) from None
        if scope not in grant.scopes:
            raise NotProcessed(403, "err.request.forbidden", f"the token lacks the scope {scope}")
        return grant

    def _believed(self, envelope: Mapping[str, object]) -> tuple[dict[str, str], dict[str, object]]:
        """The schema first, then who sent it."""
        if not self._schema.is_valid(envelope):
            raise bad("the envelope does not fit the DCI CRVS schema of /registry/sync/search")
        header, message = envelope["header"], envelope["message"]
        assert isinstance(header, dict)
        assert isinstance(message, dict)
        if header["sender_id"] != self._settings.sender_id:
            raise NotProcessed(401, "err.sender_id.invalid", "the sender is not registered")
        signing.verify(envelope, self._partner_key, required=self._settings.must_sign)
        if header.get("is_msg_encrypted") or "search_request" not in message:
            raise NotProcessed(400, "err.encryption.invalid", "no encryption is agreed with this sender")
        return header, message

    def _check_header(self, header: Mapping[str, object], message: Mapping[str, object]) -> None:
        if header.get("version", "1.0.0") != "1.0.0":
            raise RejectedMessage("rjct.version.invalid", "the protocol version is 1.0.0")
        if not _is_present(str(header["message_ts"]), self._settings.skew_s):
            raise RejectedMessage("rjct.message_ts.invalid", "message_ts is not the present time")
        items = message["search_request"]
        assert isinstance(items, list)
        if header["total_count"] != len(items):
            raise RejectedMessage("rjct.total_count.invalid", "total_count is not the number of search requests")
        message_id = str(header["message_id"])
        if message_id in self._seen:
            raise RejectedMessage("rjct.message_id.duplicate", "this message_id was used before")
        self._seen[message_id] = None
        if len(self._seen) > _REMEMBERED_MESSAGES:
            self._seen.popitem(last=False)

    def _answered(self, asked: object) -> list[_Item]:
        assert isinstance(asked, Sequence)
        references = [one["reference_id"] for one in asked]
        items = [self._item(one, again=one["reference_id"] in references[:n]) for n, one in enumerate(asked)]
        return [item for item in items if item.found or item.rejected or not self._settings.omit_empty_items]

    def _item(self, asked: Mapping[str, object], *, again: bool) -> _Item:
        wire = {"reference_id": asked["reference_id"], "timestamp": stamp(datetime.now(UTC))}
        criteria = asked["search_criteria"]
        assert isinstance(criteria, dict)
        try:
            if again:
                raise RejectedItem("rjct.reference_id.duplicate", "this reference_id is in the batch already")
            page = registers.search(self._records, criteria)
        except RejectedItem as rejected:
            return _Item(wire | {"status": "rjct"} | _reasons(rejected), rejected=True)
        data = {"version": "1.0.0", "reg_type": criteria["reg_type"], "reg_record_type": "person"}
        pagination = {"page_size": page.size, "page_number": page.number, "total_count": page.total}
        wire |= {"status": "succ", "data": data | {"reg_records": page.records}, "pagination": pagination}
        return _Item(wire | {"locale": "eng"}, found=page.total)

    def _reply(
        self, asked: Mapping[str, object], outcome: Mapping[str, object], message: Mapping[str, object] | None
    ) -> Response:
        header = {
            "version": "1.0.0",
            "message_id": asked["message_id"],
            "message_ts": stamp(datetime.now(UTC)),
            "action": "on-search",
            **outcome,
            "sender_id": self._settings.url,
            "receiver_id": asked["sender_id"],
        }
        envelope = {"header": header} | ({"message": message} if message is not None else {})
        return JSONResponse(signing.signed(envelope, self._own_key))

    async def add_hook(self, request: Request) -> Response:
        """`POST /webhooks`: 202 and nothing in it."""
        grant = self._granted(request, HOOK_SCOPE)
        hub = (await _json_object(request)).get("hub")
        if not isinstance(hub, dict):
            raise bad("send {hub: {callback, mode, topic, secret}}")
        await self._hooks.subscribe(grant.client_id, hub)
        return Response(status_code=202)

    async def list_hooks(self, request: Request) -> Response:
        """`GET /webhooks`: this client's."""
        grant = self._granted(request, HOOK_SCOPE)
        return JSONResponse({"entries": [hook.wire() for hook in self._hooks.subscriptions(grant.client_id)]})

    async def drop_hook(self, request: Request) -> Response:
        """`DELETE /webhooks/{id}`: 204."""
        grant = self._granted(request, HOOK_SCOPE)
        if not self._hooks.unsubscribe(grant.client_id, request.path_params["id"]):
            raise NotProcessed(404, "err.request.not_found", "this client has no such subscription")
        return Response(status_code=204)


def _is_present(text: str, skew_s: int) -> bool:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:  # RFC 3339 allows what Python does not read, a 60th second for one
        return False
    return moment.tzinfo is not None and abs((datetime.now(UTC) - moment).total_seconds()) <= skew_s


def _reasons(rejected: RejectedMessage | RejectedItem) -> dict[str, str]:
    return {"status_reason_code": rejected.code, "status_reason_message": rejected.message}


async def _json_object(request: Request) -> Mapping[str, object]:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise bad("send application/json", 415)
    try:
        body = strict.loads(await strict.bounded(request.stream()))
    except strict.NotStrictJson as error:
        raise bad(f"the body is not acceptable JSON: {error}") from None
    except strict.BodyTooLarge as error:
        raise bad(str(error), 413) from None
    if not isinstance(body, dict):
        raise bad("send one JSON object")
    return body
