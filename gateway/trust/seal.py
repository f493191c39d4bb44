"""Sealing of stored payloads: AES-256-GCM, a key of its own for each record, bound to its row.

A blob is `version(1) | key mark(4) | salt(16) | nonce(12) | ciphertext and tag`. The record's key is
HMAC-SHA-256(data key, salt), so that no number of records wears out the 96-bit nonce (one key may seal about
2^32 messages with random nonces, NIST SP 800-38D section 8.3; a country reaches that within a year).
The row's id is associated data: a blob moved to another row does not open.
"""

import hashlib
import hmac
import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .errors import SealBroken

VERSION = b"\x01"
HEAD = 1 + 4 + 16 + 12


class Seal:
    """Seals with the first key, opens with any: rotation is a new first key and a rewrap at leisure."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        """`keys` are 32 random bytes each, newest first."""
        if not keys or any(len(key) != 32 for key in keys):
            raise SealBroken("a data key has 32 bytes; check the seal.key file")
        self._newest = _mark(keys[0])
        self._oldest = keys[-1]
        self._keys = {_mark(key): key for key in keys}

    def sealed(self, row: str, payload: bytes) -> bytes:
        """The payload, readable only with the key and only as this row (`table:id`)."""
        salt, nonce = os.urandom(16), os.urandom(12)
        cipher = AESGCM(_record_key(self._keys[self._newest], salt))
        return b"".join((VERSION, self._newest, salt, nonce, cipher.encrypt(nonce, payload, row.encode())))

    def opened(self, row: str, blob: bytes) -> bytes:
        """The payload again.

        Raises:
            SealBroken: altered, cut, of another row, or sealed with a key this process does not hold.
        """
        key = self._keys.get(blob[1:5])
        if blob[:1] != VERSION or key is None or len(blob) < HEAD + 16:
            raise SealBroken("the payload was not sealed with a key of this gateway; restore keys/seal.key")
        cipher = AESGCM(_record_key(key, blob[5:21]))
        try:
            return cipher.decrypt(blob[21:HEAD], blob[HEAD:], row.encode())
        except InvalidTag:
            raise SealBroken("the payload was altered or belongs to another row") from None

    def fingerprint(self, payload: bytes) -> str:
        """Tells equal payloads from different ones without keeping either. Keyed: identifiers are guessable."""
        return hmac.digest(self._oldest, b"sandhi fingerprint v1" + payload, "sha256").hex()


def _record_key(key: bytes, salt: bytes) -> bytes:
    return hmac.digest(key, b"sandhi seal v1" + salt, "sha256")


def _mark(key: bytes) -> bytes:
    return hashlib.sha256(b"sandhi seal key" + key).digest()[:4]
