"""The `Client-Cert` header of a proxy that ended the TLS: strictly one structured-field byte sequence, once.

Source: RFC 9440 section 2.2, RFC 8941 section 3.3.5.
"""

import base64
import re
from collections.abc import Iterable
from functools import lru_cache

from ..trust.certificate import PeerCertificate
from ..trust.errors import CredentialRefused

NAME = b"client-cert"
LONGEST = 8192
BYTES = re.compile(rb":([A-Za-z0-9+/]*={0,2}):")


class ClientCertRefused(Exception):
    """The header is not what a proxy of ours sends; somebody else put it there."""


def presented(headers: Iterable[tuple[bytes, bytes]]) -> PeerCertificate | None:
    """The certificate that the header holds; None without the header.

    Args:
        headers: of one request, names in small letters, as ASGI has them.

    Raises:
        ClientCertRefused: the header is there twice, or is not one certificate, or is not spelled canonically.
    """
    values = [value for name, value in headers if name == NAME]
    if not values:
        return None
    if len(values) > 1:
        raise ClientCertRefused
    return _read(values[0])


@lru_cache(1024)
def _read(value: bytes) -> PeerCertificate:
    found = BYTES.fullmatch(value) if len(value) <= LONGEST else None
    if found is None:
        raise ClientCertRefused
    try:
        der = base64.b64decode(found[1], validate=True)
        if base64.b64encode(der) != found[1]:
            raise ClientCertRefused
        return PeerCertificate.of(der)
    except (ValueError, CredentialRefused):
        raise ClientCertRefused from None
