"""Address and credential of the job centres' one system."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from sandbox.kept import Kept


@dataclass(frozen=True, slots=True)
class OffersSettings:
    """`token` is what the one partner shows; `day` the last day that offers are known for."""

    url: str
    token: str
    day: date

    def exported(self) -> dict[str, str]:
        """What the partner is given, by the names of the sandbox settings file."""
        return {"EMPLOYMENT_OFFICES_URL": self.url, "EMPLOYMENT_OFFICES_TOKEN": self.token}


def make_settings(base_url: str, data_dir: Path, *, day: date) -> OffersSettings:
    """Make or read the settings."""
    return OffersSettings(base_url, Kept(data_dir).secret("partner_token"), day)
