"""A connector's answer is the agency's word: a JWS by a key that is registered for the system it speaks for."""

from collections.abc import Mapping, Sequence
from typing import Any

from adapters.kit import connecting

from ..trust.errors import CredentialRefused
from ..trust.jose import Key, check, json_object, taken_apart

LARGEST = 256 * 1024
_HEADER = frozenset({"alg", "kid", "typ"})


def payload_of(answer: str, system: str, keys: Sequence[Key]) -> Mapping[str, Any]:
    """What an answer says, once its signature is checked.

    Raises:
        CredentialRefused: not a JWS of the kind, not by one of the keys, or by another system.
    """
    parts = taken_apart(answer, limit=LARGEST, members=_HEADER)
    if parts.header.get("typ") != connecting.TYPE:
        raise CredentialRefused("type")
    key = next((each for each in keys if each.kid == parts.header.get("kid")), None)
    if key is None:
        raise CredentialRefused("key")
    check(parts.signed, parts.signature, key, parts.header["alg"])
    payload = json_object(parts.payload)
    if payload.get("iss") != system:
        raise CredentialRefused("issuer")
    return payload
