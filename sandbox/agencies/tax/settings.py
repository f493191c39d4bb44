"""Clients, keys and limits of the tax authority."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from sandbox.client_tokens import Client
from sandbox.kept import Kept

SCOPE = "assigned"


@dataclass(frozen=True, slots=True)
class TaxSettings:
    """Everything made at the first start and kept.

    Attributes:
        client_id: the client that `exported()` gives away; one of `clients`.
        match_valid_s: seconds a match id can be used.
        per_second: requests answered per second, all clients together; 0 is no limit.
        today: ends the period that data is held for; None is the clock's day (UTC).
    """

    url: str
    client_id: str
    clients: Mapping[str, Client]
    token_secret: str
    token_valid_s: int = 14_400
    match_valid_s: float = 14_400.0
    per_second: int = 0
    today: date | None = None

    def exported(self) -> dict[str, str]:
        """What the client is given, by the names of the sandbox settings file."""
        return {
            "TAX_URL": self.url,
            "TAX_CLIENT_ID": self.client_id,
            "TAX_CLIENT_SECRET": self.clients[self.client_id].secret,
        }


def make_settings(base_url: str, data_dir: Path, *, today: date | None = None) -> TaxSettings:
    """Make or read the settings.

    Args:
        base_url: where the agency is reached, without a slash at the end.
        data_dir: the agency's own folder.
        today: the day the sandbox plays, if not the clock's.
    """
    kept = Kept(data_dir)
    clients = {"sandhi-gateway": Client(kept.secret("client_secret"), frozenset({SCOPE}))}
    return TaxSettings(base_url, "sandhi-gateway", clients, kept.secret("token_secret"), today=today)
