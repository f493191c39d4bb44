"""The open surface of trust: token endpoint, introspection, revocation, key set, server metadata."""

from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from ..trust import Trust
from ..trust.caller import Presented
from ..trust.token_endpoint import LARGEST_BODY, Answer, Asked
from .body import check_type, read
from .refusal import OUTAGES, is_outage
from .v1.problems import CODES, RETRY_AFTER, ProblemError

NEVER_STORED = {"cache-control": "no-store", "pragma": "no-cache"}
SHORTLY = {"cache-control": "public, max-age=300"}
LATER = {"error": "temporarily_unavailable", "error_description": "Try again in a few seconds."}


def identity_routes(trust: Trust) -> APIRouter:
    """The routes; open to everyone, and what they refuse they refuse in OAuth's shape."""
    router = APIRouter(tags=["identity"])

    @router.post("/oauth2/token", responses={400: {}, 401: {}})
    async def post_token(request: Request) -> Response:
        """A token for a client: `grant_type=client_credentials`, `private_key_jwt`, bound. RFC 6749 section 5."""
        return _response(await _answered(request, trust.token))

    @router.post("/oauth2/client/token", responses={400: {}, 401: {}})
    async def post_dci_token(request: Request) -> Response:
        """The same under DCI's path, with `expires_in` as the string that DCI's contract types it."""
        answer = await _answered(request, trust.token)
        told = {"expires_in": str(answer.body["expires_in"])} if "expires_in" in answer.body else {}
        return _response(Answer(answer.status, {**answer.body, **told}))

    @router.post("/oauth2/introspect", responses={400: {}, 401: {}})
    async def post_introspect(request: Request) -> Response:
        """What a token says, to the system that it is meant for. RFC 7662."""
        return _response(await _answered(request, trust.introspected))

    @router.post("/oauth2/revoke", responses={400: {}, 401: {}})
    async def post_revoke(request: Request) -> Response:
        """A client's own token is worth nothing from now on, in every process within a second. RFC 7009."""
        return _response(await _answered(request, trust.revoked))

    @router.get("/.well-known/jwks.json")
    async def get_jwks() -> Response:
        """The keys that check our tokens and our message signatures."""
        return JSONResponse(trust.jwks(), headers=SHORTLY, media_type="application/jwk-set+json")

    @router.get("/.well-known/oauth-authorization-server")
    async def get_metadata() -> Response:
        """RFC 8414."""
        return JSONResponse(trust.metadata(), headers=SHORTLY)

    return router


async def _answered(request: Request, endpoint: Callable[[Asked], Awaitable[Answer]]) -> Answer:
    try:
        check_type(request, "application/x-www-form-urlencoded")
        body = await read(request, largest=LARGEST_BODY)
        return await endpoint(Asked(body, Presented.of(request.scope)))
    except ProblemError as problem:
        body_of = {"error": "invalid_request", "error_description": problem.detail}
        return Answer(CODES[problem.code].status, body_of)
    except OUTAGES as error:
        if not is_outage(error):
            raise
        return Answer(503, LATER)


def _response(answer: Answer) -> Response:
    later = {"retry-after": RETRY_AFTER["no_evidence"]} if answer.status == 503 else {}
    return JSONResponse(dict(answer.body), answer.status, NEVER_STORED | later)
