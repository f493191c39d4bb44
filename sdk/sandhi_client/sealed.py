"""DCI's EncryptedMessage, both ways: what the gateway encrypts to our `enc` key, and what we encrypt to the gateway's.

Content with A256GCM; the key with ECDH-ES+A256KW or RSA-OAEP-256. Nothing is ever compressed.
Source: SPDCI OpenAPI 1.0.0 `EncryptedMessage`; RFC 7516 section 7.2.2; RFC 7518 sections 4.3 and 4.6.
"""

import json
import os
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from joserfc import jwk
from joserfc.errors import JoseError
from joserfc.jwe import FlattenedJSONEncryption, JWERegistry, Recipient

from .keys import b64, unb64

ENC = "A256GCM"
WAYS = ("ECDH-ES+A256KW", "RSA-OAEP-256")
MEMBERS = {"header", "encrypted_key", "iv", "ciphertext", "tag"}
HEADER = {"alg", "enc", "kid", "epk"}


class EncryptionKey:
    """A JWK with `use: enc`: our private one to open with, or the gateway's public one to close with."""

    def __init__(self, member: Mapping[str, Any]) -> None:
        """Raises ValueError: not such a key."""
        self.kid, self.alg = str(member.get("kid", "")), str(member.get("alg", ""))
        if self.alg not in WAYS or not self.kid:
            raise ValueError(f"an encryption key needs kid, and alg {' or '.join(WAYS)}")
        self._key = jwk.import_key({name: value for name, value in member.items() if name not in {"alg", "use"}})

    def close(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """The EncryptedMessage for the holder of this key."""
        recipient = self._recipient({"alg": self.alg, "enc": ENC, "kid": self.kid})
        enc, way = JWERegistry.algorithms["enc"][ENC], self._way
        content_key = enc.generate_cek()
        if self.alg == "RSA-OAEP-256":
            wrapped = way.encrypt_cek(content_key, recipient)
        else:
            way.prepare_ephemeral_key(recipient)
            wrapped = way.wrap_cek_with_auk(content_key, way.encrypt_agreed_upon_key(enc, recipient))
        iv = os.urandom(12)
        text = json.dumps(message, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
        sealed = AESGCM(content_key).encrypt(iv, text, b"")
        return {
            "header": dict(recipient.header or {}),
            "encrypted_key": b64(wrapped),
            "iv": b64(iv),
            "ciphertext": b64(sealed[:-16]),
            "tag": b64(sealed[-16:]),
        }

    def open(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """The message that was encrypted to this key.

        Raises:
            ValueError: it cannot be opened.
        """
        header = message.get("header")
        if message.keys() != MEMBERS or not isinstance(header, Mapping) or not header.keys() <= HEADER:
            raise ValueError("not an EncryptedMessage")
        if (header.get("alg"), header.get("enc"), header.get("kid")) != (self.alg, ENC, self.kid):
            raise ValueError("not encrypted to this key")
        parts = {name: unb64(str(message[name])) for name in MEMBERS - {"header"}}
        try:
            content_key = self._content_key(dict(header), parts["encrypted_key"])
            return dict(json.loads(AESGCM(content_key).decrypt(parts["iv"], parts["ciphertext"] + parts["tag"], b"")))
        except (JoseError, InvalidTag, AssertionError, TypeError, KeyError):
            raise ValueError("the message cannot be opened with this key") from None

    def _content_key(self, header: dict[str, Any], wrapped: bytes) -> bytes:
        recipient = self._recipient(header)
        recipient.encrypted_key = wrapped
        if self.alg == "RSA-OAEP-256":
            return bytes(self._way.decrypt_cek(recipient))
        agreed = self._way.decrypt_agreed_upon_key(JWERegistry.algorithms["enc"][ENC], recipient)
        return bytes(self._way.unwrap_cek_with_auk(wrapped, agreed))

    def _recipient(self, header: dict[str, Any]) -> Recipient[Any]:
        return Recipient(FlattenedJSONEncryption({}), header, self._key)

    @property
    def _way(self) -> Any:
        return JWERegistry.algorithms["alg"][self.alg]
