"""`rfc9421`: HTTP Message Signatures, with RFC 9530's Content-Digest over the body as received.

The library builds the signature base and parses the fields; what must be covered, by whom, when and how often is ours:
one signature with our tag, the components below, `created` within the window, a nonce that counts once, a key of the
caller. Answers are bound to their request by `;req`, so that one cannot be shown as the answer to another question.
The component list is that of the FAPI 2.0 HTTP Signatures draft; conformance to it is not claimed.

Source: RFC 9421 sections 2, 3 and 7.2; RFC 9530 section 2.
"""

import base64
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import http_sf
from http_message_signatures import (
    ContentDigest,
    HTTPMessageSignaturesException,
    HTTPMessageSigner,
    HTTPMessageVerifier,
    HTTPSignatureAlgorithm,
    HTTPSignatureKeyResolver,
    VerifyResult,
)

from ..errors import CredentialRefused, NotCanonical, SignatureRefused
from ..jose import Key, check
from ..policy import SignaturePolicy
from .jws import allowed, refused
from .message import Fields, Message, Verified, digest_of, with_fields

REQUEST_TAG, RESPONSE_TAG = "fapi-2-request", "fapi-2-response"
ALWAYS = ("@method", "@target-uri")
WHERE_PRESENT = ("authorization", "dpop", "idempotency-key")
WITH_A_BODY = ("content-type", "content-digest")
FIELDS = ("signature-input", "signature")
LABEL = "sandhi"
LONGEST = 4096  # characters of each of the two fields
NONCE = range(16, 129)  # characters
KID = "keyid"


class Rfc9421:
    """See the module."""

    name = "rfc9421"
    coercions: Mapping[str, str] = {}

    def presented(self, message: Message) -> bool:
        """A `Signature-Input` header."""
        return message.field("signature-input") is not None

    def sign(self, message: Message, key: Key, now: datetime) -> Message:
        """The message with `Content-Digest`, `Signature-Input` and `Signature`.

        Raises:
            NotCanonical: a header or the URL has characters that HTTP does not allow.
        """
        digested = _with_digest(message)
        try:
            prepared = HTTPMessageSigner(signature_algorithm=ALGORITHMS[key.alg]).prepare(
                _view(digested),
                key_id=key.kid,
                created=now,
                nonce=secrets.token_urlsafe(16),
                tag=RESPONSE_TAG if message.status else REQUEST_TAG,
                label=LABEL,
                include_alg=False,  # section 3.3.7: the registered key says it
                covered_component_ids=tuple(required(digested)),
                use_existing_digest=digested.field("content-digest") is not None,
            )
        except HTTPMessageSignaturesException as error:
            raise NotCanonical("a header or the address cannot be signed") from error
        signature = base64.b64encode(key.signature(prepared.signature_base)).decode("ascii")
        values = (f"{LABEL}={prepared.signature_params}", f"{LABEL}=:{signature}:")
        return replace(digested, headers=with_fields(digested.headers, *zip(FIELDS, values, strict=True)))

    def verify(self, message: Message, keys: Sequence[Key], policy: SignaturePolicy, now: datetime) -> Verified:
        """See `Dialect.verify`. The caller uses the nonce up."""
        if any(len(message.field(name) or "") > LONGEST for name in FIELDS):
            raise refused("form")
        key = _named(message, keys, policy)
        result = _verified(message, key)
        _check_digest(message)
        made = _check_parameters(result.parameters, policy, now)
        base = "\n".join(f"{name}: {value}" for name, value in result.covered_components.items())
        covered = tuple(name for name in result.covered_components if name != '"@signature-params"')
        nonce = str(result.nonce)
        expires = made + timedelta(seconds=2 * policy.window_s)
        return Verified(self.name, key.kid, digest_of(base.encode()), covered, (), nonce, expires)


def required(message: Message) -> Iterator[str]:
    """The components that a signature must cover, spelled as the library takes them."""
    if not message.status:
        yield from ALWAYS
        yield from _present(message, (*WHERE_PRESENT, "content-type"))
        if _has_body(message):
            yield "content-digest"
        return
    yield "@status"
    yield from _present(message, ("content-type",))
    if _has_body(message):
        yield "content-digest"
    asked = message.request or Message()
    for name in (*ALWAYS, *_present(asked, ("content-digest", *reversed(FIELDS)))):
        yield f'"{name}";req'


def _present(message: Message, names: Iterable[str]) -> Iterator[str]:
    return (name for name in names if message.field(name) is not None)


def _has_body(message: Message) -> bool:
    return bool(message.body) or message.field("content-digest") is not None


def _with_digest(message: Message) -> Message:
    """A digest that is there already stays: it is that of a body which is streamed."""
    if not message.body:
        return message
    return replace(
        message, headers=with_fields(message.headers, ("content-digest", ContentDigest.create(message.body)))
    )


def _check_digest(message: Message) -> None:
    stated = message.field("content-digest")
    if stated is None:
        if message.body:
            raise refused("content_digest_missing")
        return
    try:
        ContentDigest.verify(stated, message.body)
    except (HTTPMessageSignaturesException, ValueError):
        raise refused("content_digest") from None


def _named(message: Message, keys: Sequence[Key], policy: SignaturePolicy) -> Key:
    """The registered key that the one signature with our tag names."""
    inputs = _inputs(message)
    if len(inputs) != 1:
        raise refused("not_one_signature_with_our_tag")
    parameters = inputs[0]
    key = next((each for each in keys if each.kid == parameters.get(KID)), None)
    if key is None:
        raise refused("unknown_kid")
    if key.alg not in allowed(policy) or parameters.get("alg", NAMES[key.alg]) != NAMES[key.alg]:
        raise refused("algorithm", presented="another algorithm")
    return key


def _inputs(message: Message) -> list[Mapping[str, Any]]:
    tag = RESPONSE_TAG if message.status else REQUEST_TAG
    try:
        found: Any = http_sf.parse((message.field("signature-input") or "").encode(), tltype="dictionary")
    except ValueError:
        raise refused("signature_input") from None
    return [parameters for _, parameters in found.values() if parameters.get("tag") == tag]


def _verified(message: Message, key: Key) -> VerifyResult:
    verifier = _Verifier(signature_algorithm=ALGORITHMS[key.alg], key_resolver=_One(key))
    tag = RESPONSE_TAG if message.status else REQUEST_TAG
    try:
        results = verifier.verify(
            _view(message), max_age=None, expect_tag=tag, require_components=tuple(required(message))
        )
    except (HTTPMessageSignaturesException, ValueError):
        raise refused("signature") from None
    return results[0]


def _check_parameters(parameters: Mapping[str, Any], policy: SignaturePolicy, now: datetime) -> datetime:
    """When it was made. Raises SignatureRefused: not now, or without a nonce."""
    created, expires, nonce = (parameters.get(name) for name in ("created", "expires", "nonce"))
    if type(created) is not int or abs(created - now.timestamp()) > policy.window_s:
        raise refused("created")
    if expires is not None and (type(expires) is not int or expires < now.timestamp()):
        raise refused("expires")
    if not isinstance(nonce, str) or len(nonce) not in NONCE:
        raise refused("nonce")
    return datetime.fromtimestamp(created, UTC)


class _Verifier(HTTPMessageVerifier):
    """Times are checked by us, against the clock that we were given."""

    def validate_created_and_expires(self, *_input: object, **_limits: object) -> None:
        return None


class _One(HTTPSignatureKeyResolver):
    def __init__(self, key: Key) -> None:
        self._key = key

    def resolve_public_key(self, key_id: str) -> Any:
        return self._key if key_id == self._key.kid else None


class _OfKey(HTTPSignatureAlgorithm):
    """Our own check, with the key's one registered algorithm."""

    algorithm_id = ""

    def __init__(self, public_key: Any = None, **_ours: object) -> None:
        self._key: Key = public_key

    def verify(self, signature: bytes, message: bytes) -> None:
        """Raises SignatureRefused."""
        try:
            check(message, signature, self._key, self._key.alg)
        except CredentialRefused:
            raise SignatureRefused("wrong", reason="signature") from None


class _Ed25519(_OfKey):
    algorithm_id = "ed25519"


class _EcdsaP256(_OfKey):
    algorithm_id = "ecdsa-p256-sha256"


class _RsaV15(_OfKey):
    algorithm_id = "rsa-v1_5-sha256"


class _RsaPss(_OfKey):
    algorithm_id = "PS256"  # not in RFC 9421's registry: `alg` is left out, section 3.3.7


ALGORITHMS: Mapping[str, type[_OfKey]] = {"EdDSA": _Ed25519, "ES256": _EcdsaP256, "PS256": _RsaPss, "RS256": _RsaV15}
NAMES = {alg: each.algorithm_id for alg, each in ALGORITHMS.items()}


@dataclass(frozen=True, slots=True)
class _Fields:
    """Header lines as the library reads them."""

    lines: Fields

    def items(self) -> Fields:
        """Each line, in order, also of names that come twice."""
        return self.lines


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    url: str
    headers: _Fields


@dataclass(frozen=True, slots=True)
class _Response:
    status_code: int
    headers: _Fields
    request: _Request


def _view(message: Message) -> _Request | _Response:
    """A message as the library reads one."""
    fields = _Fields(message.headers)
    if not message.status:
        return _Request(message.method, message.url, fields)
    asked = message.request or Message()
    return _Response(message.status, fields, _Request(asked.method, asked.url, _Fields(asked.headers)))
