"""Message signatures of DCI envelopes, in our own profile (other dialects become files of their own).

`signature` in the body is a compact detached JWS (`header..signature`, RFC 7515 appendix F) over the RFC 8785
bytes of `{"header": ..., "message": ...}`. The protected header is `alg` and `kid`, nothing else. A receiver that
re-serialises the envelope, reorders members or escapes Sinhala differently still verifies it.
"""

from collections.abc import Iterable, Mapping

from .errors import CredentialRefused, NotCanonical, SignatureRefused
from .jcs import canonical
from .jose import Key, b64, check, read_header, sign, unb64

HEADER = frozenset({"alg", "kid"})
LONGEST = 2048  # PS256 with 4096 bits is 683 characters and a header


def signed(header: object, message: object, key: Key) -> str:
    """The `signature` member for an envelope.

    Raises:
        NotCanonical: the envelope has no canonical form.
    """
    return detached(_covered(header, message), key)


def detached(content: bytes, key: Key) -> str:
    """A compact JWS without its payload. Source: RFC 7515 appendix F."""
    protected, _, signature = sign(content, key).split(".")
    return f"{protected}..{signature}"


def verify(envelope: Mapping[str, object], keys: Iterable[Key]) -> Key:
    """The key that signed this envelope.

    Args:
        envelope: `{"signature", "header", "message"}` as strictly read JSON.
        keys: the registered keys of the system that `header.sender_id` names, and no others.

    Raises:
        SignatureRefused: absent, malformed, by a key not in `keys`, or not over this content.
    """
    signature = envelope.get("signature")
    if not isinstance(signature, str) or not signature:
        raise SignatureRefused("The message is not signed.")
    try:
        return _verified(signature, _covered(envelope.get("header"), envelope.get("message")), keys)
    except (CredentialRefused, NotCanonical):
        raise SignatureRefused("The message signature was not accepted.") from None


def _verified(signature: str, payload: bytes, keys: Iterable[Key]) -> Key:
    segments = signature.split(".")
    if len(signature) > LONGEST or len(segments) != 3 or segments[1]:
        raise CredentialRefused("not_detached")
    header = read_header(segments[0], HEADER)
    key = next((each for each in keys if each.kid == header.get("kid")), None)
    if key is None:
        raise CredentialRefused("unknown_kid")
    check(f"{segments[0]}.{b64(payload)}".encode("ascii"), unb64(segments[2]), key, header["alg"])
    return key


def _covered(header: object, message: object) -> bytes:
    return canonical({"header": header, "message": message})
