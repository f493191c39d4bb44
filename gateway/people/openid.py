"""The gateway as an OpenID Connect client: code flow with PKCE, by Authlib's Starlette client over our own transport.

Authlib makes and checks state, nonce and code verifier and the signature of the ID token. Around it stands here what it
leaves open: metadata only of exactly the configured issuer, asymmetric algorithms only, one audience, the `iss`
parameter of RFC 9207, one redirect address for each provider, and when the person really signed in.

Source: OpenID Connect Core 1.0 section 3.1, RFC 9700 (best current practice), RFC 9207.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.starlette_client import StarletteIntegration, StarletteOAuth2App
from joserfc.errors import JoseError
from starlette.requests import Request

from adapters.kit import strict_json
from adapters.kit.contract import AgencyError
from adapters.kit.guarded import Fetch, GuardedTransport

from .errors import SignInRefused
from .providers import Provider

ALGORITHMS = ("ES256", "EdDSA", "Ed25519", "PS256", "RS256")
ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")
METADATA_FOR_S = 600.0
SKEW = timedelta(seconds=30)
NOT_REACHED = "The identity provider cannot be reached, or does not answer properly. Try again."


@dataclass(frozen=True, slots=True)
class Identity:
    """What an ID token said, verified. `number` is the citizen's, where the provider vouches for citizens."""

    provider: Provider
    subject: str
    authenticated_at: datetime
    number: str = ""


class OpenIdClient:
    """One identity provider, as the gateway sees it."""

    def __init__(self, provider: Provider, fetch: Fetch, redirect_uri: str) -> None:
        """
        Args:
            fetch: how the provider is reached.
            redirect_uri: where it sends people back to: this provider's own address, exactly as registered there.
        """
        self.provider = provider
        self._fetch = fetch
        self._redirect_uri = redirect_uri
        self._app: Any = None
        self._loaded_at = 0.0

    async def redirect(self, request: Request, *, again: bool = False) -> str:
        """Where to send the person; what the answer is checked against is left in `request.session`.

        Args:
            again: the person shall prove anew who they are (step-up), although the provider may know them.

        Raises:
            SignInRefused: the provider cannot be used now.
        """
        app = await self._opened()
        extra = {"prompt": "login", "max_age": "0"} if again else {}
        response = await app.authorize_redirect(request, self._redirect_uri, **extra)
        for kept in request.session.values():
            kept["data"].pop("url")  # long, and needed no more
        return str(response.headers["location"])

    async def identity(self, request: Request, now: datetime) -> Identity:
        """Who came back from the provider.

        Raises:
            SignInRefused: anything about the answer is not as it was asked for; `reason` names it.
        """
        app = await self._opened()
        self._check_issuer(request, app.server_metadata)
        try:
            token = await app.authorize_access_token(request, claims_options=self._wanted(), leeway=30)
        except AuthlibBaseError as error:
            raise SignInRefused(f"oauth_{error.error or 'error'}"[:60]) from None
        except JoseError as error:
            raise SignInRefused(f"id_token_{error.error}"[:60]) from None
        except (AgencyError, httpx2.HTTPError):
            raise SignInRefused("token_endpoint_unreachable", NOT_REACHED) from None
        except (ValueError, TypeError, KeyError, AttributeError):
            raise SignInRefused("malformed_answer") from None
        return self._believed(token.get("userinfo"), now)

    def _check_issuer(self, request: Request, metadata: Mapping[str, object]) -> None:
        """Before anything is sent anywhere: an answer of another provider shall not reach this one's token endpoint."""
        said = request.query_params.getlist("iss")
        promised = metadata.get("authorization_response_iss_parameter_supported") is True
        if (said or promised) and said != [self.provider.issuer]:
            raise SignInRefused("issuer_mix_up")

    def _wanted(self) -> dict[str, dict[str, object]]:
        exact: dict[str, dict[str, object]] = {
            "iss": {"essential": True, "value": self.provider.issuer},
            "aud": {"essential": True, "value": self.provider.client_id},
        }
        return exact | {name: {"essential": True} for name in ("sub", "exp", "iat", "nonce")}

    def _believed(self, claims: Any, now: datetime) -> Identity:
        if not claims:
            raise SignInRefused("no_id_token")
        if claims["aud"] not in (self.provider.client_id, [self.provider.client_id]):
            raise SignInRefused("audience")
        subject, told = claims["sub"], claims.get("auth_time", 0)  # what is not told never counts as fresh
        if not isinstance(subject, str) or not 0 < len(subject) <= 255 or type(told) is not int or told < 0:
            raise SignInRefused("claims")
        at = datetime.fromtimestamp(min(told, 2**33), UTC)
        if at > now + SKEW:
            raise SignInRefused("auth_time")
        number = claims.get(self.provider.citizen_claim, "") if self.provider.citizen_claim else ""
        if self.provider.citizen_claim and not (isinstance(number, str) and number.strip()):
            raise SignInRefused("no_identity_number")
        return Identity(self.provider, subject, min(at, now), number)

    async def _opened(self) -> Any:
        """Authlib's client with the provider's metadata, looked at anew every ten minutes."""
        if self._app is None or time.monotonic() - self._loaded_at > METADATA_FOR_S:
            self._app = self._client(await self._metadata())
            self._loaded_at = time.monotonic()
        return self._app

    def _client(self, metadata: Mapping[str, object]) -> Any:
        return StarletteOAuth2App(
            StarletteIntegration(self.provider.key),
            name=self.provider.key,
            client_id=self.provider.client_id,
            client_secret=self.provider.client_secret.reveal(),
            client_kwargs={
                "scope": "openid",
                "code_challenge_method": "S256",
                "transport": GuardedTransport(self._fetch),
                "trust_env": False,
                "follow_redirects": False,
            },
            **metadata,
        )

    async def _metadata(self) -> Mapping[str, object]:
        url = f"{self.provider.issuer.rstrip('/')}/.well-known/openid-configuration"
        try:
            answer = await self._fetch("GET", url, {"accept": "application/json"}, b"")
            found = strict_json.loads(answer.body)
        except (AgencyError, strict_json.StrictError):
            raise SignInRefused("discovery", NOT_REACHED) from None
        if answer.status != 200 or not isinstance(found, dict) or found.get("issuer") != self.provider.issuer:
            raise SignInRefused("discovery_issuer", NOT_REACHED)
        return checked(found)


def checked(metadata: Mapping[str, object]) -> Mapping[str, object]:
    """The members that are used, with the algorithms that we take; where it says nothing, RS256 is meant.

    Raises:
        SignInRefused: an endpoint is missing, or none of its algorithms is one of ours.
    """
    offered = metadata.get("id_token_signing_alg_values_supported", ["RS256"])
    algorithms = [each for each in ALGORITHMS if isinstance(offered, list) and each in offered]
    if not algorithms or not all(isinstance(metadata.get(name), str) for name in ENDPOINTS):
        raise SignInRefused("discovery_members", NOT_REACHED)
    kept = {name: metadata[name] for name in ("issuer", *ENDPOINTS)}
    promised = metadata.get("authorization_response_iss_parameter_supported") is True
    return kept | {
        "id_token_signing_alg_values_supported": algorithms,
        "authorization_response_iss_parameter_supported": promised,
        "_loaded_at": time.time(),  # or Authlib would fetch it by itself
    }
