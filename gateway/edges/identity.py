"""The open surface of trust: token endpoint, key set, server metadata."""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from ..trust import Trust
from ..trust.caller import Presented
from ..trust.token_endpoint import LARGEST_BODY, Asked, Issued, NoToken
from ..trust.tokens import LIFETIME
from .body import check_type, read
from .refusal import OUTAGES, is_outage
from .v1.problems import CODES, RETRY_AFTER, ProblemError

NEVER_STORED = {"cache-control": "no-store", "pragma": "no-cache"}
SHORTLY = {"cache-control": "public, max-age=300"}


def identity_routes(trust: Trust) -> APIRouter:
    """The routes; open to everyone, and what they refuse they refuse in OAuth's shape."""
    router = APIRouter(tags=["identity"])

    @router.post("/oauth2/token", responses={400: {}, 401: {}})
    async def post_token(request: Request) -> Response:
        """A token for a client: `grant_type=client_credentials`, `private_key_jwt`, DPoP. RFC 6749 section 5."""
        return await _answered(request, trust, LIFETIME)

    @router.post("/oauth2/client/token", responses={400: {}, 401: {}})
    async def post_dci_token(request: Request) -> Response:
        """The same under DCI's path, with `expires_in` as the string that DCI's contract types it."""
        return await _answered(request, trust, str(LIFETIME))

    @router.get("/.well-known/jwks.json")
    async def get_jwks() -> Response:
        """The keys that check our tokens and our message signatures."""
        return JSONResponse(trust.jwks(), headers=SHORTLY, media_type="application/jwk-set+json")

    @router.get("/.well-known/oauth-authorization-server")
    async def get_metadata() -> Response:
        """RFC 8414."""
        return JSONResponse(trust.metadata(), headers=SHORTLY)

    return router


async def _answered(request: Request, trust: Trust, expires_in: int | str) -> Response:
    try:
        issued = await trust.token(await _asked(request))
    except ProblemError as problem:
        body = {"error": "invalid_request", "error_description": problem.detail}
        return JSONResponse(body, CODES[problem.code].status, NEVER_STORED)
    except NoToken as refused:
        body = {"error": refused.error, "error_description": refused.description}
        return JSONResponse(body, refused.status, NEVER_STORED)
    except OUTAGES as error:
        if not is_outage(error):
            raise
        body = {"error": "temporarily_unavailable", "error_description": "Try again in a few seconds."}
        return JSONResponse(body, 503, NEVER_STORED | {"retry-after": RETRY_AFTER["no_evidence"]})
    return JSONResponse(_told(issued, expires_in), headers=NEVER_STORED)


async def _asked(request: Request) -> Asked:
    check_type(request, "application/x-www-form-urlencoded")
    body = await read(request, largest=LARGEST_BODY)
    presented = Presented.of(request.scope)
    return Asked(body, presented.path, presented.proofs, bool(presented.authorization))


def _told(issued: Issued, expires_in: int | str) -> dict[str, object]:
    return {
        "access_token": issued.token,
        "token_type": "DPoP",
        "expires_in": expires_in,
        "scope": " ".join(sorted(issued.scopes)),
    }
