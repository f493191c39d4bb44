"""Address, credential and keys of the treasury's system."""

import json
import secrets
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sandbox.jose import KeySet, OwnKey, b64
from sandbox.kept import Kept


@dataclass(frozen=True, slots=True)
class TreasurySettings:
    """Everything made at the first start and kept. `reporter` is the key that the units' system signs with, as it was
    made for it; `day` is today."""

    url: str
    token: str = field(repr=False)
    key: OwnKey = field(repr=False)
    reporter: str = field(repr=False)
    day: date

    @property
    def reporters(self) -> KeySet:
        """The public half of `reporter`."""
        own = OwnKey(json.loads(self.reporter))
        return KeySet({"keys": [{**own.public, "kid": own.kid}]})

    def exported(self) -> dict[str, str]:
        """What the partner is given, by the names of the sandbox settings file."""
        return {
            "TREASURY_URL": self.url,
            "TREASURY_TOKEN": self.token,
            "TREASURY_SIGNING_KEY": self.reporter,
            "TREASURY_ALERT_KEY": json.dumps({**self.key.public, "kid": self.key.kid}),
        }


def make_settings(base_url: str, data_dir: Path, *, day: date) -> TreasurySettings:
    """Make or read the settings."""
    kept = Kept(data_dir)
    key, reporter = kept.text("alert_key.json", _new_key), kept.text("reporter_key.json", _new_key)
    return TreasurySettings(base_url.rstrip("/"), kept.secret("token"), OwnKey(json.loads(key)), reporter, day)


def _new_key() -> str:
    drawn = b64(Ed25519PrivateKey.generate().private_bytes_raw())
    return json.dumps({"kty": "OKP", "crv": "Ed25519", "kid": secrets.token_hex(8), "d": drawn})
