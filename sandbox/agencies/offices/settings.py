"""The offices and their one partner. They give no credentials away: the gateway is known by its published keys."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .places import DISTRICTS


@dataclass(frozen=True, slots=True)
class OfficeSettings:
    """One for all offices.

    Attributes:
        url: where the offices are mounted; `<district>/registry/notify` follows.
        sender_id: DCI id of the gateway.
        templates: language -> WhatsApp template that the messaging provider approved for the offices' alerts.
        store: SQLite file; each row names its office.
    """

    url: str
    sender_id: str
    templates: Mapping[str, str]
    store: Path
    districts: tuple[str, ...] = tuple(sorted(DISTRICTS))
    skew_s: float = 300.0


def make_settings(base_url: str, data_dir: Path, *, templates: Mapping[str, str]) -> OfficeSettings:
    """Make the settings; `data_dir` is the offices' own folder."""
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    return OfficeSettings(base_url, "LK.GOV.SANDHI.GATEWAY", templates, data_dir / "offices.db")


def client_of(district: str) -> str:
    """Name of an office's credentials file."""
    return f"office-{district}"


def own_id_of(district: str) -> str:
    """DCI id of an office."""
    return f"LK.GOV.DME.OFFICE-{district}"
