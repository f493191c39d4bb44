"""Whose address it is: a new callback address is taken in only when its host says so, signed by the system.

    GET https://ess.example/.well-known/sandhi-callback      one compact JWS a line:
    {"alg": "EdDSA", "kid": "<registered>", "typ": "sandhi-callback"}
    {"sub": "<client id>", "aud": "<this gateway>", "url": "https://ess.example/registry/notify"}

Without it, a system could have people's records sent to somebody else's host, or somebody else's host flooded. Both
have to agree: who holds the system's key, and who serves from the host. The file is static; there is nothing to run.
An operator's shell (`sandhi system`) vouches instead.

Source: security reference, threat 32.
"""

from collections.abc import Iterable
from urllib.parse import urlsplit

from adapters.kit.contract import AgencyError
from adapters.kit.guarded import Fetch
from adapters.kit.http_client import Limits

from .errors import AddressRefused, CredentialRefused
from .jose import Key, check, json_object, taken_apart
from .parties import Offered, System

PLACE = "/.well-known/sandhi-callback"
KIND = "sandhi-callback"
HEADER = frozenset({"alg", "kid", "typ"})
LONGEST, MOST = 4096, 50
LIMITS = Limits(timeout_s=5.0, attempts=1, concurrent=2, max_bytes=LONGEST * MOST)


class CallbackProofs:
    """Asks the hosts of callback addresses."""

    def __init__(self, fetch: Fetch, issuer: str) -> None:
        """`fetch` is the guarded dialler's, `issuer` this gateway's address."""
        self._fetch = fetch
        self._issuer = issuer

    async def check(self, system: System, services: Iterable[Offered], keys: Iterable[Key]) -> None:
        """Nothing, if each address is the system's by its host's own word.

        Args:
            keys: the system's, to check signatures with.

        Raises:
            AddressRefused: the text names the service, and what to serve where.
        """
        known = tuple(keys)
        for each in services:
            said = await self._said(each)
            if not any(self._means(line, system, each, known) for line in said[:MOST]):
                raise _refused(each, "has no line there, signed by the system, that names system, gateway and address")

    async def _said(self, offered: Offered) -> list[str]:
        parts = urlsplit(offered.callback_url)
        try:
            answer = await self._fetch("GET", f"{parts.scheme}://{parts.netloc}{PLACE}", {}, b"")
        except AgencyError as error:
            raise _refused(offered, f"cannot be asked: {error}") from None
        if answer.status != 200:
            raise _refused(offered, f"answered with status {answer.status}")
        return answer.body.decode("ascii", "replace").split()

    def _means(self, line: str, system: System, offered: Offered, keys: tuple[Key, ...]) -> bool:
        try:
            jws = taken_apart(line, limit=LONGEST, members=HEADER)
            key = next((each for each in keys if each.kid == jws.header.get("kid")), None)
            if key is None or jws.header.get("typ") != KIND:
                return False
            check(jws.signed, jws.signature, key, jws.header["alg"])
            said = json_object(jws.payload)
        except CredentialRefused:
            return False
        return (said.get("sub"), said.get("aud"), said.get("url")) == (
            system.client_id,
            self._issuer,
            offered.callback_url,
        )


def _refused(offered: Offered, why: str) -> AddressRefused:
    return AddressRefused(
        f"the host of the callback address of {offered.name} {why}; serve the system's signed statement at {PLACE}"
    )
