"""The gateway's published keys, fetched when first needed and again when a message names one we do not know."""

import time

import httpx

from .dci import Refused
from .jose import KeySet

PAUSE_S = 1.0  # between two fetches, whatever callers send


class GatewayKeys:
    """Checks what the gateway signed. Used from one event loop."""

    def __init__(self, gateway: str) -> None:
        self._url = f"{gateway.rstrip('/')}/.well-known/jwks.json"
        self._known = KeySet({})
        self._fetched_at = float("-inf")

    async def signed(self, content: bytes, signature: str) -> bool:
        """Whether a published key of the gateway made this detached JWS over this content.

        Raises:
            Refused: 503, the keys cannot be fetched; the sender shall try again.
        """
        if not self._known.knows(signature) and time.monotonic() - self._fetched_at > PAUSE_S:
            await self._fetch()
        return self._known.signed(content, signature)

    async def _fetch(self) -> None:
        try:
            async with httpx.AsyncClient(timeout=10, trust_env=False, verify=self._url.startswith("https")) as client:
                answer = await client.get(self._url)
            document = answer.raise_for_status().json()
        except (httpx.HTTPError, ValueError):
            raise Refused(503, "err.service.unavailable", "the sender's keys cannot be fetched") from None
        self._known, self._fetched_at = KeySet(document), time.monotonic()
