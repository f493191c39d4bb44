"""The one grant: client credentials, on Authlib's class, with our scopes, audiences, bindings and tokens.

Source: RFC 6749 section 4.4, RFC 8707, RFC 9396, RFC 9068.
"""

from typing import TYPE_CHECKING, ClassVar

from authlib.oauth2.rfc6749.errors import InvalidScopeError
from authlib.oauth2.rfc6749.grants import ClientCredentialsGrant

from .. import tokens
from ..errors import CredentialRefused
from ..form import BY_KEY, BY_SECRET
from ..reach import Detail, details_of, part_of, within
from ..register import System
from ..tokens import Grant
from .request import Exchange, InvalidDetails, InvalidTarget, urn

if TYPE_CHECKING:
    from .server import Server

TARGET_WANTED = "Name one resource: this gateway, a surface or service of it, or the URN of a system in force."


class Credentials(ClientCredentialsGrant):
    """The only grant."""

    TOKEN_ENDPOINT_AUTH_METHODS: ClassVar[list[str]] = [BY_KEY, BY_SECRET]
    server: "Server"
    request: Exchange

    def validate_requested_scope(self) -> None:
        """Nothing more than the system is registered for; checked here because Authlib knows no client's scopes."""
        _scopes(self.request.form.get("scope"), self.request.client.system)

    def generate_token(self, **_more: object) -> dict[str, object]:
        """The token response. Raises OAuth2Error."""
        exchange, system = self.request, self.request.client.system
        binding, confirmation = self.server.bound(exchange.presented, system, exchange.now)
        grant = Grant(
            system.client_id,
            _scopes(exchange.form.get("scope"), system),
            confirmation,
            tokens.new_token_id(),
            _audience(exchange),
            _details(exchange),
        )
        exchange.granted = grant
        return {
            "access_token": tokens.issue(exchange.loaded.signing, grant, issuer=exchange.issuer, now=exchange.now),
            "token_type": binding.scheme,
            "expires_in": tokens.LIFETIME,
            "scope": " ".join(sorted(grant.scopes)),
            **tokens.details_claim(grant.details),
        }


def _scopes(asked: str | None, system: System) -> frozenset[str]:
    """All that the system is registered for, or the part it asks for."""
    if not asked:
        return system.scopes
    scopes = frozenset(asked.split(" "))
    if within(scopes, system.scopes) != scopes:
        raise InvalidScopeError("The system is not registered for all of these scopes.")
    return scopes


def _details(exchange: Exchange) -> tuple[Detail, ...]:
    """As asked; whether an agreement holds them is looked up after, when the client is known."""
    if "authorization_details" not in exchange.form:
        return ()
    try:
        return details_of(exchange.form["authorization_details"])
    except CredentialRefused:
        raise InvalidDetails from None


def _audience(exchange: Exchange) -> str:
    """Our whole API, or the one resource that is asked for."""
    wanted = exchange.form.get("resource", exchange.issuer)
    if any(urn(each) == wanted for each in exchange.loaded.snapshot.callers.values()):
        return wanted
    try:
        part_of(wanted, exchange.issuer)
    except CredentialRefused:
        raise InvalidTarget(TARGET_WANTED) from None
    return wanted
