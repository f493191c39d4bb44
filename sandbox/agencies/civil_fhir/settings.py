"""Address and client of the civil registration's FHIR server."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.client_tokens import Client
from sandbox.kept import Kept

SCOPE = "system/Patient.rs"
CLIENT_ID = "sandhi-gateway"


@dataclass(frozen=True, slots=True)
class CivilFhirSettings:
    """`page` is the most entries of one page, whatever `_count` says."""

    url: str
    clients: Mapping[str, Client] = field(repr=False)
    token_secret: str = field(repr=False)
    page: int = 100

    def exported(self) -> dict[str, str]:
        """What the client is given, by the names of the sandbox settings file."""
        return {
            "CIVIL_REGISTRATION_FHIR_URL": self.url,
            "CIVIL_REGISTRATION_FHIR_CLIENT_ID": CLIENT_ID,
            "CIVIL_REGISTRATION_FHIR_CLIENT_SECRET": self.clients[CLIENT_ID].secret,
        }


def make_settings(base_url: str, data_dir: Path, *, page: int = 100) -> CivilFhirSettings:
    """Make or read the settings. `base_url` is where the agency is mounted, `data_dir` its own folder."""
    kept = Kept(data_dir)
    client = Client(kept.secret("client_secret"), frozenset({SCOPE}))
    return CivilFhirSettings(base_url.rstrip("/"), {CLIENT_ID: client}, kept.secret("token_secret"), page)
