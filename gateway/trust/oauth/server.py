"""Authlib's authorization server, dressed for an asynchronous gateway: it decides, and touches nothing."""

import logging
from datetime import datetime
from typing import Any

from authlib.oauth2.base import OAuth2Error
from authlib.oauth2.rfc6749 import AuthorizationServer
from authlib.oauth2.rfc6749.errors import InvalidClientError, InvalidRequestError

from ..binding import Binding, Confirmation, Presented
from ..errors import CredentialRefused, ReplaysFull
from ..form import BY_KEY, BY_SECRET
from ..register import System
from .clients import by_key, by_secret
from .grant import Credentials
from .request import Answer, Client, Exchange, InvalidProof, NotNow, UnknownClient, UnsupportedGrant
from .status import Introspection, Revocation

BINDING_WANTED = (
    "Send one DPoP header with a fresh proof for this address, made with the key to bind to, or call over mutual TLS "
    "with a certificate that is registered for the system."
)

logger = logging.getLogger(__name__)


class Server(AuthorizationServer):
    """One for the life of the process."""

    def __init__(self, issuer: str, ways: tuple[Binding, ...]) -> None:
        super().__init__()
        self.issuer = issuer
        self._ways = ways
        self.register_client_auth_method(BY_KEY, by_key)
        self.register_client_auth_method(BY_SECRET, by_secret)
        self.register_grant(Credentials)
        self.register_endpoint(Introspection)
        self.register_endpoint(Revocation)

    def bound(self, presented: Presented, system: System, now: datetime) -> tuple[Binding, Confirmation]:
        """What a new token is bound to: the first way that the request offers. Raises InvalidProof."""
        try:
            for way in self._ways:
                if (offered := way.offered(presented, system, now)) is not None:
                    return way, Confirmation(way.member, offered)
        except ReplaysFull:
            raise NotNow from None
        except CredentialRefused as error:
            logger.warning("no token: %s client=%s", error.reason, system.client_id)
            raise InvalidProof(BINDING_WANTED) from None
        raise InvalidProof(BINDING_WANTED)

    def scheme_of(self, confirmation: Confirmation) -> str:
        """`DPoP` or `Bearer`."""
        return next(way.scheme for way in self._ways if way.member == confirmation.member)

    def query_client(self, _client_id: str) -> None:
        """Never asked: our authentication methods take the client that was loaded."""

    def get_token_grant(self, request: Exchange) -> Credentials:
        """Authlib's answer repeats what was sent; ours does not."""
        if "grant_type" not in request.form:
            raise InvalidRequestError("Send grant_type=client_credentials.")
        if not Credentials.check_token_endpoint(request):
            raise UnsupportedGrant("Only client_credentials is offered.")
        return Credentials(request, self)

    def authenticate_client(self, request: Exchange, methods: list[str], endpoint: str = "token") -> Client:
        """Authlib's dispatch among the methods; what it cannot place is an unknown client like any other."""
        try:
            client: Client = super().authenticate_client(request, methods, endpoint)
        except UnknownClient:
            raise
        except InvalidClientError:
            raise UnknownClient(request.loaded.refused or "method") from None
        return client

    def save_token(self, _token: object, _request: object) -> None:
        """Stored after, see `token_endpoint`."""

    def send_signal(self, _name: str, *_values: object, **_named: object) -> None:
        """Nobody listens."""

    def create_oauth2_request(self, request: Exchange) -> Exchange:
        """It is one already."""
        return request

    def handle_response(self, status: int, body: Any, _headers: object) -> Answer:
        """As our edge wants it."""
        return Answer(status, dict(body))

    def handle_error_response(self, _request: object, error: OAuth2Error) -> Answer:
        """Left to the edge of this package, which writes the reason to the log first."""
        raise error
