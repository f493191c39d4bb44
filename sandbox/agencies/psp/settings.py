"""Ids, credentials and keys of the provider."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sandbox.client_tokens import Client
from sandbox.jose import OwnKey, b64
from sandbox.kept import Kept

CLIENT_ID, SCOPE = "sandhi-gateway", "disburse"
SENDER_ID, OWN_ID = "LK.GOV.SANDHI.GATEWAY", "LK.COM.PAY.SWITCH"
PAYER = "account:0001234567@7010"


@dataclass(frozen=True, slots=True)
class PspSettings:
    """Everything made at the first start and kept. `pace`: seconds between two states of a payment."""

    url: str
    clients: Mapping[str, Client] = field(repr=False)
    token_secret: str = field(repr=False)
    key: OwnKey = field(repr=False)
    pace: float = 0.05

    def exported(self) -> dict[str, str]:
        """What the client is given, by the names of the sandbox settings file."""
        return {
            "PSP_URL": self.url,
            "PSP_CLIENT_ID": CLIENT_ID,
            "PSP_CLIENT_SECRET": self.clients[CLIENT_ID].secret,
            "PSP_SENDER_ID": SENDER_ID,
            "PSP_RECEIVER_ID": OWN_ID,
            "PSP_PAYER": PAYER,
            "PSP_CALLBACK_KEY": json.dumps({**self.key.public, "kid": self.key.kid}),
        }


def make_settings(base_url: str, data_dir: Path, *, pace: float = 0.05) -> PspSettings:
    """Make or read the settings. `base_url` is where the agency is mounted, `data_dir` its own folder."""
    kept = Kept(data_dir)
    client = Client(kept.secret("client_secret"), frozenset({SCOPE}))
    key = OwnKey(json.loads(kept.text("callback_key.json", _new_key)))
    return PspSettings(base_url.rstrip("/"), {CLIENT_ID: client}, kept.secret("token_secret"), key, pace)


def _new_key() -> str:
    drawn = b64(Ed25519PrivateKey.generate().private_bytes_raw())
    return json.dumps({"kty": "OKP", "crv": "Ed25519", "kid": secrets.token_hex(8), "d": drawn})
