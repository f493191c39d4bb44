"""What the registry is told from outside: environment variables `REGISTRY_*`, read once."""

import getpass
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path

from .errors import StepFailed
from .rule import Limits


@dataclass(frozen=True, slots=True)
class Settings:
    """One registry.

    Attributes:
        folder: where its own database and files live.
        client: credentials file for the gateway, see `sandhi_client`.
        day: the list date T.
        intake: member records as registered, JSON Lines.
        list_file: where the list is written.
        places: names of districts and divisions, with tabs; None shows codes.
        divisions: the same for GN divisions, of which there are many; may be gzipped.
        public_url: where people reach the pages, without a slash at the end.
        flagged: DCI employment status codes that count as not employed.
        officer: who acts, in reviews and in the control report.
        patience_s: how long to wait for the next of several expected events.
        batch_patience_s: the same for a batch; the pension fund alone may take a quarter of an hour for its files.
        quiet_s: how long nothing must arrive before what may still come is no longer waited for.
    """

    folder: Path
    client: Path
    day: date
    intake: Path
    list_file: Path
    places: Path | None
    divisions: Path | None
    port: int
    public_url: str
    limits: Limits
    flagged: frozenset[int]
    officer: str
    patience_s: float
    batch_patience_s: float
    quiet_s: float

    @classmethod
    def read(cls, folder: Path, environment: Mapping[str, str] | None = None) -> "Settings":
        """From the environment; makes the folder.

        Raises:
            StepFailed: a value cannot be meant like this.
        """
        found = {name: value for name, value in (os.environ if environment is None else environment).items() if value}
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            limits = {
                each.name: int(found[f"REGISTRY_{each.name.upper()}"])
                for each in fields(Limits)
                if f"REGISTRY_{each.name.upper()}" in found
            }
            return cls(
                folder=folder,
                client=Path(found.get("REGISTRY_CLIENT", "clients/sr.json")),
                day=date.fromisoformat(found.get("REGISTRY_DATE", "2026-10-31")),
                intake=Path(found.get("REGISTRY_INTAKE", "registrations.jsonl")),
                list_file=Path(found.get("REGISTRY_LIST", str(folder / "list.jsonl"))),
                places=Path(found["REGISTRY_PLACES"]) if "REGISTRY_PLACES" in found else None,
                divisions=Path(found["REGISTRY_DIVISIONS"]) if "REGISTRY_DIVISIONS" in found else None,
                port=int(found.get("REGISTRY_PORT", "8090")),
                public_url=found.get("REGISTRY_PUBLIC_URL", "").rstrip("/")
                or f"http://127.0.0.1:{found.get('REGISTRY_PORT', '8090')}",
                limits=Limits(**limits),
                flagged=frozenset(int(each) for each in found.get("REGISTRY_FLAGGED", "2").split(",")),
                officer=found.get("REGISTRY_OFFICER", "") or getpass.getuser(),
                patience_s=float(found.get("REGISTRY_PATIENCE_S", "120")),
                batch_patience_s=float(found.get("REGISTRY_BATCH_PATIENCE_S", "1200")),
                quiet_s=float(found.get("REGISTRY_QUIET_S", "2")),
            )
        except ValueError as error:
            raise StepFailed(f"a REGISTRY_* variable cannot be read: {error}") from error
