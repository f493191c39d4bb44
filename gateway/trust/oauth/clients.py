"""Who is the client: the two ways to authenticate, each by our own verifier.

In the place of `JWTBearerClientAssertion.__call__` and `authenticate_client_secret_post`, whose own checks are too weak
(decision record 0020). Authlib asks them one after the other; None means that the request does not use that way.
"""

from .. import assertion
from ..binding import check_certificate
from ..errors import CredentialRefused
from ..form import BY_KEY, BY_SECRET
from .request import Client, Exchange, UnknownClient


def by_key(_query: object, exchange: Exchange) -> Client | None:
    """`private_key_jwt`, in the place of `JWTBearerClientAssertion.__call__`, by our own verifier."""
    loaded = exchange.loaded
    if loaded.method != BY_KEY:
        return None
    if loaded.claimed is None or loaded.system is None:
        raise UnknownClient(loaded.refused, loaded.named)
    try:
        exchange.believed = assertion.verified(loaded.claimed, loaded.keys, issuer=exchange.issuer, now=exchange.now)
        check_certificate(exchange.presented, loaded.system)
    except CredentialRefused as error:
        raise UnknownClient(error.reason, loaded.system.client_id) from None
    return Client(loaded.system)


def by_secret(_query: object, exchange: Exchange) -> Client | None:
    """`client_secret_post`, where the policy allows it."""
    loaded = exchange.loaded
    if loaded.method != BY_SECRET:
        return None
    if loaded.system is None or not loaded.secret_right:
        raise UnknownClient(loaded.refused or "secret", loaded.system.client_id if loaded.system else loaded.named)
    try:
        check_certificate(exchange.presented, loaded.system)
    except CredentialRefused as error:
        raise UnknownClient(error.reason, loaded.system.client_id) from None
    return Client(loaded.system)
