"""Address and credentials of the desk."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from sandbox.kept import Kept


@dataclass(frozen=True, slots=True)
class DeskSettings:
    """`token` is what the one partner shows, `hook_secret` what the desk signs with, `hook` where it tells."""

    url: str
    hook: str
    token: str
    hook_secret: str
    store: Path
    day: date

    def exported(self) -> dict[str, str]:
        """What the partner is given, by the names of the sandbox settings file."""
        return {
            "GRIEVANCE_URL": self.url,
            "GRIEVANCE_TOKEN": self.token,
            "GRIEVANCE_HOOK_SECRET": self.hook_secret,
        }


def make_settings(base_url: str, data_dir: Path, *, gateway: str, day: date) -> DeskSettings:
    """Make or read the settings."""
    kept = Kept(data_dir)
    return DeskSettings(
        base_url,
        f"{gateway}/hooks/grievance",
        kept.secret("partner_token"),
        kept.secret("hook_secret"),
        data_dir / "cases.db",
        day,
    )
