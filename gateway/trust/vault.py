"""The gateway's key files at rest: AES-256-GCM under a key that is not in the folder.

    sandhi-sealed-1 <base64 of a sealed record, see seal.py>

The key comes from `SANDHI_KEYSTORE_KEY` (32 bytes in base64; several, newest first, while they change over) or from
`SANDHI_KEYSTORE_PASSPHRASE` (scrypt; its salt lies beside the files). Each file is bound to its place: one file copied
over another does not open. Without a key files are plain and mode 0600, for a laptop; production refuses them.

Source: NIST SP 800-38D; RFC 7914 (scrypt), parameters of OWASP's password storage cheat sheet.
"""

import base64
import binascii
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from ..secret import Secret
from .errors import KeyFileBroken, SealBroken
from .private_keys import write_new, write_over
from .seal import Seal

MARK = "sandhi-sealed-1 "
SALT = "keystore.salt"
PLAIN = frozenset({SALT, "log.signed"})  # nothing secret in them
LEAST = 16  # characters of a passphrase
NO_KEY = "set SANDHI_KEYSTORE_KEY_FILE, or SANDHI_KEYSTORE_PASSPHRASE_FILE"


@dataclass(frozen=True, slots=True)
class Vault:
    """Opens and seals the texts of key files. `seal` None: they are kept as they are; `strict`: that is refused."""

    seal: Seal | None = field(default=None, repr=False)
    strict: bool = False

    def closed(self, name: str, text: str) -> str:
        """The text as it is written to the file of this name (its place below the folder).

        Raises:
            KeyFileBroken: it would be in clear, and that is refused here.
        """
        if self.seal is None:
            if self.strict:
                raise KeyFileBroken(f"in production the gateway's keys are encrypted at rest; {NO_KEY}")
            return text
        return MARK + base64.b64encode(self.seal.sealed(name, text.encode("ascii"))).decode()

    def opened(self, name: str, text: str) -> str:
        """The text again; one that was never sealed as it is, unless that is refused.

        Raises:
            KeyFileBroken: no key, another key, altered, or the file of another place.
        """
        if not text.startswith(MARK):
            if self.strict:
                raise KeyFileBroken(f"{name} is not encrypted; {NO_KEY}, then run `sandhi keys rewrap`")
            return text
        if self.seal is None:
            raise KeyFileBroken(f"{name} is encrypted; {NO_KEY}")
        try:
            return self.seal.opened(name, base64.b64decode(text[len(MARK) :], validate=True)).decode("ascii")
        except (SealBroken, ValueError, binascii.Error):
            raise KeyFileBroken(
                f"{name} does not open: the keystore key is another one, or the file was altered or moved"
            ) from None


def vault_of(folder: Path, key: Secret, passphrase: Secret, *, strict: bool = False) -> Vault:
    """The vault that the settings ask for.

    Raises:
        KeyFileBroken: the key is not 32 bytes in base64, the passphrase is short, or both or (when strict) none is set.
    """
    if key and passphrase:
        raise KeyFileBroken("set one of SANDHI_KEYSTORE_KEY and SANDHI_KEYSTORE_PASSPHRASE, not both")
    if key:
        return Vault(Seal(tuple(_decoded(key))), strict)
    if passphrase:
        return Vault(Seal((_derived(folder, passphrase),)), strict)
    if strict:
        raise KeyFileBroken(f"in production the gateway's keys are encrypted at rest; {NO_KEY}")
    return Vault()


def rewrapped(folder: Path, vault: Vault) -> tuple[str, ...]:
    """Seal every key file anew with the newest key, also those that were plain; gives their names.

    Raises:
        KeyFileBroken: there is no key to seal with, or a file does not open; then nothing is changed.
    """
    if vault.seal is None:
        raise KeyFileBroken(f"there is no key to encrypt with; {NO_KEY}")
    lenient = Vault(vault.seal)
    texts = {name: lenient.opened(name, (folder / name).read_text("ascii")) for name in key_files(folder)}
    for name, text in texts.items():
        write_over(folder / name, vault.closed(name, text))
    return tuple(texts)


def key_files(folder: Path) -> Iterator[str]:
    """Names of the files with something secret in them, below the folder."""
    for path in sorted((*folder.glob("*.key"), *folder.glob("*/[0-9]*.json"))):
        name = path.relative_to(folder).as_posix()
        if name not in PLAIN:
            yield name


def _decoded(key: Secret) -> Iterator[bytes]:
    for each in key.reveal().split():
        try:
            raw = base64.b64decode(each, validate=True)
        except (ValueError, binascii.Error):
            raw = b""
        if len(raw) != 32:
            raise KeyFileBroken(
                "SANDHI_KEYSTORE_KEY is 32 random bytes in base64; make one with `openssl rand -base64 32`"
            )
        yield raw


def _derived(folder: Path, passphrase: Secret) -> bytes:
    """About 0.4 s and 128 MiB, once at the start."""
    if len(passphrase.reveal()) < LEAST:
        raise KeyFileBroken(f"SANDHI_KEYSTORE_PASSPHRASE has at least {LEAST} characters")
    write_new(folder / SALT, base64.b64encode(os.urandom(16)).decode() + "\n")
    salt = base64.b64decode((folder / SALT).read_text("ascii"))
    return Scrypt(salt=salt, length=32, n=1 << 17, r=8, p=1).derive(passphrase.reveal().encode("utf-8"))
