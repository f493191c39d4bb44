"""Address and client of the health register."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.client_tokens import Client
from sandbox.kept import Kept

SCOPE = "system/DocumentReference.rs"
CLIENT_ID = "sandhi-gateway"


@dataclass(frozen=True, slots=True)
class HealthSettings:
    """`tells_all`: a server that passes over `_elements` and sends the diagnosis too, for tests."""

    url: str
    clients: Mapping[str, Client] = field(repr=False)
    token_secret: str = field(repr=False)
    tells_all: bool = False

    def exported(self) -> dict[str, str]:
        """What the client is given, by the names of the sandbox settings file."""
        secret = self.clients[CLIENT_ID].secret
        return {"HEALTH_URL": self.url, "HEALTH_CLIENT_ID": CLIENT_ID, "HEALTH_CLIENT_SECRET": secret}


def make_settings(base_url: str, data_dir: Path, *, tells_all: bool = False) -> HealthSettings:
    """Make or read the settings. `base_url` is where the agency is mounted, `data_dir` its own folder."""
    kept = Kept(data_dir)
    client = Client(kept.secret("client_secret"), frozenset({SCOPE}))
    return HealthSettings(base_url.rstrip("/"), {CLIENT_ID: client}, kept.secret("token_secret"), tells_all)
