"""DCI's EncryptedMessage: a JWE in flattened JSON whose header is not protected, so that the tag covers no header.

    {"header": {"alg", "enc", "kid"}, "encrypted_key", "iv", "ciphertext", "tag"}

What is encrypted is the `message` alone; the envelope's signature is over the encrypted message (DCI signs
"{header}+{message}" as they are sent), so that a broker can check and route without opening. The content is encrypted
with A256GCM and nothing else, the key with the one algorithm of the recipient's registered key. Never compressed.

Source: SPDCI OpenAPI 1.0.0 `EncryptedMessage`; RFC 7516 section 7.2.2 (the AAD is empty without a protected header);
RFC 7518 sections 4.3, 4.6 and 5.3.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from joserfc.errors import JoseError
from joserfc.jwe import FlattenedJSONEncryption, JWERegistry, Recipient

from .errors import CredentialRefused, EncryptionRefused
from .jose import Key, b64, json_object, unb64

ENC = "A256GCM"
MEMBERS = frozenset({"header", "encrypted_key", "iv", "ciphertext", "tag"})
HEADER = frozenset({"alg", "enc", "kid", "epk", "apu", "apv"})
LARGEST = 1024 * 1024  # bytes of ciphertext
LONGEST_KEY = 1024  # characters
REFUSED = "The message cannot be opened with this gateway's keys."


def is_encrypted(message: object) -> bool:
    """Whether a DCI `message` has the shape of an EncryptedMessage."""
    return isinstance(message, Mapping) and "ciphertext" in message


def encrypted(message: Mapping[str, Any], key: Key) -> dict[str, Any]:
    """A DCI message for the holder of `key`, one of its registered keys with `use: enc`."""
    recipient = _recipient({"alg": key.alg, "enc": ENC, "kid": key.kid}, key)
    content_key, wrapped = _made(recipient, key.alg)
    iv = os.urandom(12)
    sealed = AESGCM(content_key).encrypt(iv, orjson.dumps(message), b"")
    return {
        "header": dict(recipient.header or {}),
        "encrypted_key": b64(wrapped),
        "iv": b64(iv),
        "ciphertext": b64(sealed[:-16]),
        "tag": b64(sealed[-16:]),
    }


def decrypted(sealed: object, ours: Callable[[str], Sequence[Key]]) -> dict[str, Any]:
    """The message that an EncryptedMessage holds, strictly read.

    Args:
        ours: our private keys in force with a kid; the one before a rotation still counts.

    Raises:
        EncryptionRefused: `reason` says why; the text is always the same.
    """
    try:
        parts, header = _taken_apart(sealed)
        key = next(iter(ours(str(header["kid"]))), None)
        if key is None or key.alg != header["alg"]:
            raise CredentialRefused("unknown_kid")
        content_key = _opened(_recipient(header, key), header["alg"], parts["encrypted_key"])
        plain = AESGCM(content_key).decrypt(parts["iv"], parts["ciphertext"] + parts["tag"], b"")
        return json_object(plain)
    except CredentialRefused as error:
        raise _refused(error.reason) from None
    except (JoseError, InvalidTag, ValueError, TypeError, KeyError, AssertionError):
        raise _refused("cannot_be_opened") from None


def _refused(reason: str) -> EncryptionRefused:
    return EncryptionRefused(REFUSED, reason=reason)


def _taken_apart(sealed: object) -> tuple[dict[str, bytes], dict[str, Any]]:
    if not isinstance(sealed, Mapping) or sealed.keys() != MEMBERS:
        raise CredentialRefused("members")
    header = sealed["header"]
    if not isinstance(header, Mapping) or not {"alg", "enc", "kid"} <= header.keys():
        raise CredentialRefused("header")
    if "zip" in header:
        raise CredentialRefused("compressed")
    if not header.keys() <= HEADER or header["enc"] != ENC:
        raise CredentialRefused("header_member_or_enc")
    limits = {"encrypted_key": LONGEST_KEY, "iv": 16, "tag": 22, "ciphertext": LARGEST * 4 // 3 + 4}
    for name, longest in limits.items():
        if not isinstance(sealed[name], str) or len(sealed[name]) > longest:
            raise CredentialRefused("too_long")
    parts = {name: unb64(sealed[name]) for name in limits}
    if len(parts["iv"]) != 12 or len(parts["tag"]) != 16:
        raise CredentialRefused("iv_or_tag")
    return parts, dict(header)


def _recipient(header: dict[str, Any], key: Key) -> Recipient[Any]:
    return Recipient(FlattenedJSONEncryption({}), header, key.material)


def _made(recipient: Recipient[Any], alg: str) -> tuple[bytes, bytes]:
    """A fresh content key, and what the recipient finds it by."""
    enc, way = JWERegistry.algorithms["enc"][ENC], _way(alg)
    if alg == "RSA-OAEP-256":
        content_key = enc.generate_cek()
        return content_key, way.encrypt_cek(content_key, recipient)
    way.prepare_ephemeral_key(recipient)
    agreed: bytes = way.encrypt_agreed_upon_key(enc, recipient)
    if alg == "ECDH-ES":
        return agreed, b""
    content_key = enc.generate_cek()
    return content_key, way.wrap_cek_with_auk(content_key, agreed)


def _opened(recipient: Recipient[Any], alg: str, wrapped: bytes) -> bytes:
    enc, way = JWERegistry.algorithms["enc"][ENC], _way(alg)
    recipient.encrypted_key = wrapped
    if alg == "RSA-OAEP-256":
        found: bytes = way.decrypt_cek(recipient)
    elif alg == "ECDH-ES":
        found = b"" if wrapped else way.decrypt_agreed_upon_key(enc, recipient)
    else:
        found = way.unwrap_cek_with_auk(wrapped, way.decrypt_agreed_upon_key(enc, recipient))
    if len(found) != 32:
        raise CredentialRefused("content_key")
    return found


def _way(alg: str) -> Any:
    return JWERegistry.algorithms["alg"][alg]
