"""How a declared HTTP adapter says who we are: `[auth]` of its manifest, nothing else.

| kind | keys |
| --- | --- |
| `none` | |
| `bearer` | `token` |
| `api_key` | `key`, and `header`, the header that carries it (`X-API-Key` unless said) |
| `basic` | `user`, `password` |
| `client_credentials` | `token_url`, `client_id`, `client_secret`; perhaps `scope`; perhaps `client = "basic"` |

`client = "basic"` names the client to the token endpoint in a header instead of the form.

Source: RFC 6750 section 2.1; RFC 7617 section 2; RFC 6749 sections 2.3.1 and 4.4.
"""

from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import quote_plus, urlsplit

from adapters.kit.base import Kit, NotConfigured
from adapters.kit.egress import HttpAnswer, NotAllowed
from adapters.kit.manifest import ManifestError
from adapters.kit.transports.oauth import ClientCredentials

KINDS: Mapping[str, frozenset[str]] = {
    "none": frozenset(),
    "bearer": frozenset({"token"}),
    "api_key": frozenset({"key"}),
    "basic": frozenset({"user", "password"}),
    "client_credentials": frozenset({"token_url", "client_id", "client_secret"}),
}
SFTP: Mapping[str, frozenset[str]] = {"ssh_key": frozenset({"user", "client_key", "host_key"})}
Call = Callable[[Mapping[str, str]], Awaitable[HttpAnswer]]
"""One call with the headers given."""
SignedIn = Callable[[Call], Awaitable[HttpAnswer]]
"""Makes a call as us."""


def signed_in(kit: Kit) -> SignedIn:
    """How calls of this adapter are made.

    Raises:
        ManifestError: `[auth]` is of no kind that can be declared, or lacks a key.
        NotConfigured: a secret is not there, or cannot be used.
    """
    kind, words = kit.manifest.auth_kind, kit.manifest.auth_words
    if kind not in KINDS:
        raise ManifestError(f"{kit.manifest.id}: a declared adapter signs in by one of {', '.join(KINDS)}")
    if kind == "client_credentials":
        return _by_token(kit)
    headers: dict[str, str] = {}
    if kind == "bearer":
        headers["authorization"] = f"Bearer {kit.setting('token')}"
    elif kind == "api_key":
        headers[words.get("header", "X-API-Key").lower()] = kit.setting("key")
    elif kind == "basic":
        headers["authorization"] = _basic(kit.setting("user"), kit.setting("password"))
    if any(not word.isprintable() or not word.isascii() for word in headers.values()):
        raise NotConfigured(f"{kit.manifest.id}: a secret of [auth] has a character that no header carries")

    async def called(call: Call) -> HttpAnswer:
        return await call(headers)

    return called


def _by_token(kit: Kit) -> SignedIn:
    url, client, secret = (kit.setting(key) for key in ("token_url", "client_id", "client_secret"))
    words, parts = kit.manifest.auth_words, urlsplit(url)
    try:
        http = kit.dialler.http(f"{parts.scheme}://{parts.netloc}", kit.limits())
    except NotAllowed as error:
        raise NotConfigured(f"{kit.manifest.id}: {error.detail}") from None
    kit.breakers.append(http.breaker)
    form = {"scope": words["scope"]} if "scope" in words else {}
    headers: dict[str, str] = {}
    if words.get("client") == "basic":
        headers["authorization"] = _basic(quote_plus(client), quote_plus(secret))
    else:
        form |= {"client_id": client, "client_secret": secret}
    tokens = ClientCredentials(http, parts.path or "/", form, headers=lambda: headers)

    async def called(call: Call) -> HttpAnswer:
        return await tokens.authorised(lambda token: call({"authorization": f"Bearer {token}"}))

    return called


def _basic(user: str, password: str) -> str:
    return f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"
