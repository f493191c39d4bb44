"""One request to the server, and what it may be refused with.

Whatever Authlib would call back for in the middle of its work is loaded before (`Loaded`); what it wants stored it
leaves in the request (`Exchange.granted`, `Exchange.revoked`), to be stored after.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from authlib.oauth2.base import OAuth2Error
from authlib.oauth2.rfc6749 import ClientMixin, OAuth2Request
from authlib.oauth2.rfc6749.errors import InvalidClientError
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload

from ..assertion import Assertion, Claimed
from ..binding import Presented
from ..directory import Snapshot
from ..form import BY_KEY
from ..jose import Key
from ..reach import WANTED
from ..register import System
from ..tokens import Grant, Token

UNKNOWN = "The client was not authenticated."


@dataclass(frozen=True, slots=True)
class Answer:
    """What an endpoint answers with."""

    status: int
    body: Mapping[str, object]


class UnknownClient(InvalidClientError):
    """Authlib's own would answer 401 with a `Basic` challenge, which we do not offer. `reason` is for the log."""

    def __init__(self, reason: str, client: str = "") -> None:
        super().__init__(UNKNOWN, status_code=401)
        self.reason = reason
        self.client = client

    def get_headers(self) -> list[tuple[str, str]]:
        """No challenge."""
        return []


class UnsupportedGrant(OAuth2Error):
    """Authlib's own repeats what was sent."""

    error = "unsupported_grant_type"


class InvalidProof(OAuth2Error):
    """RFC 9449 section 5."""

    error = "invalid_dpop_proof"


class NotNow(OAuth2Error):
    """Nothing is wrong with the request; RFC 6749 section 4.1.2.1 has the word."""

    error = "temporarily_unavailable"
    status_code = 503
    description = "Try again in a few seconds."


class InvalidTarget(OAuth2Error):
    """RFC 8707 section 2."""

    error = "invalid_target"


class InvalidDetails(OAuth2Error):
    """RFC 9396 section 5."""

    error = "invalid_authorization_details"
    description = WANTED


@dataclass(frozen=True, slots=True)
class Loaded:
    """What was looked up for one request before anything was decided.

    Attributes:
        method: how the client wants to authenticate; None: in no way that is offered, or in two.
        refused: why the client is unknown already, for the log; empty: not yet.
        named: whom refused credentials name, if it is registered; for the log.
        claimed: the assertion as read; None without one.
        system: whom the credentials name, if it is registered and in force.
        keys: that system's keys.
        secret_right: the secret is that system's.
        signing, published: our token keys.
        revoked: ids of the tokens that are revoked.
    """

    method: str | None
    snapshot: Snapshot
    signing: Key
    published: tuple[Key, ...]
    revoked: Mapping[str, object]
    refused: str = ""
    named: str = ""
    claimed: Claimed | None = None
    system: System | None = None
    keys: tuple[Key, ...] = ()
    secret_right: bool = False


class Client(ClientMixin):
    """A system as Authlib wants to see it."""

    def __init__(self, system: System) -> None:
        self.system = system

    @property
    def client_id(self) -> str:
        """Its name at the token endpoint."""
        return self.system.client_id

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        """A secret is for the token endpoint only, and only as an exception in the policy."""
        return method == BY_KEY or (endpoint == "token" and self.system.policy.client_secret)

    def check_grant_type(self, grant_type: str) -> bool:
        """There is one."""
        return grant_type == "client_credentials"


class Exchange(OAuth2Request):
    """One request, with what was loaded for it and what came of it."""

    def __init__(self, form: dict[str, str], presented: Presented, loaded: Loaded, issuer: str, now: datetime) -> None:
        super().__init__("POST", f"https://gateway{presented.path}")  # the edge judges TLS; Authlib reads a variable
        self.payload = BasicOAuth2Payload(form)
        self.presented = presented
        self.loaded = loaded
        self.issuer = issuer
        self.now = now
        self.believed: Assertion | None = None
        self.granted: Grant | None = None
        self.revoked: Token | None = None

    @property
    def system(self) -> System:
        """Of the client, once that is authenticated."""
        client: Client = self.client
        return client.system

    @property
    def form(self) -> dict[str, str]:
        """The parameters."""
        found: dict[str, str] = self.payload.data
        return found


def urn(system: System) -> str:
    """`urn:sandhi:LK:GOV:WBB:SRIS`: the audience of tokens for that system."""
    return f"urn:sandhi:{system.id.replace('/', ':')}"
