"""Answers signed as the gateway: the exact bytes that leave, so that a receiver can keep the proof."""

import orjson
from fastapi.responses import Response

from ..trust.trust import Trust


def signed_json(content: object, trust: Trust) -> Response:
    """A JSON answer with a detached JWS over its bytes in `Sandhi-Signature` (RFC 7515, appendix F)."""
    body = orjson.dumps(content)
    return Response(body, 200, {"sandhi-signature": trust.sign_bytes(body)}, "application/json")
