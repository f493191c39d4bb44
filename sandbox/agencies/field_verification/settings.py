"""Address and credential of the divisions' one system."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from sandbox.kept import Kept


@dataclass(frozen=True, slots=True)
class FieldSettings:
    """`token` is what the one partner shows."""

    url: str
    token: str
    store: Path
    day: date

    def exported(self) -> dict[str, str]:
        """What the partner is given, by the names of the sandbox settings file."""
        return {"FIELD_VERIFICATION_URL": self.url, "FIELD_VERIFICATION_TOKEN": self.token}


def make_settings(base_url: str, data_dir: Path, *, day: date) -> FieldSettings:
    """Make or read the settings."""
    return FieldSettings(base_url, Kept(data_dir).secret("partner_token"), data_dir / "households.db", day)
