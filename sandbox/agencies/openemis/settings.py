"""Address, client and keys of the school register."""

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from sandbox.kept import Kept

CLIENT_ID = "1502785406-8ad7e7d0926088d1.app"


@dataclass(frozen=True, slots=True)
class OpenEmisSettings:
    """`client_key` is the client's private key: OpenEMIS itself is given the public half. `day` is today for the
    academic periods, and `token_valid_s` how long an access token is good for."""

    url: str
    day: date
    client_key: str = field(repr=False)
    token_secret: str = field(repr=False)
    client_id: str = CLIENT_ID
    token_valid_s: int = 3600

    def exported(self) -> dict[str, str]:
        """What the client is given, by the names of the sandbox settings file."""
        return {
            "EDUCATION_EMIS_URL": self.url,
            "EDUCATION_EMIS_CLIENT_ID": self.client_id,
            "EDUCATION_EMIS_SIGNING_KEY": self.client_key,
        }


def make_settings(base_url: str, data_dir: Path, *, day: date) -> OpenEmisSettings:
    """Make or read the settings. `base_url` is where the agency is mounted, `data_dir` its own folder."""
    kept = Kept(data_dir)
    return OpenEmisSettings(base_url.rstrip("/"), day, kept.rsa_key("client"), kept.secret("token_secret"))
