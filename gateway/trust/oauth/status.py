"""Introspection and revocation, on Authlib's endpoint classes.

Source: RFC 7662, RFC 7009.
"""

from typing import TYPE_CHECKING, ClassVar

from authlib.oauth2.rfc6749 import TokenMixin
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7662 import IntrospectionEndpoint

from .. import tokens
from ..errors import CredentialRefused
from ..form import BY_KEY
from ..tokens import Token
from .request import Client, Exchange, urn

if TYPE_CHECKING:
    from .server import Server


class Shown(TokenMixin):
    """A token as Authlib wants to see it."""

    def __init__(self, token: Token, exchange: Exchange) -> None:
        self.token = token
        self._revoked = token.grant.token_id in exchange.loaded.revoked

    def check_client(self, client: Client) -> bool:
        """Whether it was issued to this client."""
        return self.token.grant.client_id == client.client_id

    def is_expired(self) -> bool:
        """An expired one is not even read."""
        return False

    def is_revoked(self) -> bool:
        """Taken back before its time."""
        return self._revoked


class Introspection(IntrospectionEndpoint):
    """RFC 7662, for systems that take tokens of this gateway and hold no keys: those meant for them are shown."""

    CLIENT_AUTH_METHODS: ClassVar[list[str]] = [BY_KEY]
    server: "Server"

    def authenticate_token(self, request: Exchange, client: Client) -> Shown | None:
        """The token, if its audience is the asking system and its client is still in force."""
        self.check_params(request, client)
        token = _read(request)
        if token is None or token.grant.audience != urn(client.system):
            return None
        return Shown(token, request) if token.grant.client_id in request.loaded.snapshot.callers else None

    def introspect_token(self, shown: Shown) -> dict[str, object]:
        """RFC 7662 section 2.2, RFC 9449 section 6.2, RFC 9396 section 9.2."""
        token, grant = shown.token, shown.token.grant
        return {
            "active": True,
            "iss": self.server.issuer,
            "sub": grant.client_id,
            "client_id": grant.client_id,
            "aud": grant.audience,
            "iat": token.issued,
            "exp": token.expires,
            "jti": grant.token_id,
            "scope": " ".join(sorted(grant.scopes)),
            "token_type": self.server.scheme_of(grant.confirmation),
            **grant.confirmation.claim(),
            **tokens.details_claim(grant.details),
        }


class Revocation(RevocationEndpoint):
    """RFC 7009. A token that is not ours, or no more, is as good as revoked."""

    CLIENT_AUTH_METHODS: ClassVar[list[str]] = [BY_KEY]

    def query_token(self, _text: str, _hint: str | None) -> None:
        """Not asked; see `authenticate_token`."""

    def authenticate_token(self, request: Exchange, client: Client) -> Shown | None:
        """The token, if it is the client's own."""
        self.check_params(request, client)
        token = _read(request)
        if token is None or token.grant.client_id != client.client_id:
            return None
        return Shown(token, request)

    def revoke_token(self, shown: Shown, request: Exchange) -> None:
        """To be stored by whoever asked."""
        request.revoked = shown.token


def _read(exchange: Exchange) -> Token | None:
    loaded = exchange.loaded
    try:
        return tokens.read(exchange.form["token"], loaded.published, issuer=exchange.issuer, now=exchange.now)
    except CredentialRefused:
        return None
