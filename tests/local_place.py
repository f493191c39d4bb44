"""The desk and the divisions on loopback, with their adapters in front of them."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.routing import Mount

from adapters.kit.contract import Adapter
from adapters.kit.egress import Dialler
from adapters.kit.opening import open_adapter
from sandbox.faults import Faults
from sandbox.local_side import AGENCIES, LocalSide
from sandbox.loopback import serving

ADAPTERS = Path(__file__).parents[1] / "adapters"
DAY = date(2026, 10, 31)
NIC, OLD_NIC, NOBODY = "199012304567", "901234567V", "200012304567"
LIST, HOUSEHOLD = "LK-1103/2026-09", "H-77"
APPEAL: dict[str, Any] = {
    "kind": "appeal",
    "category": "score",
    "channel": "hotline",
    "programme": "samurdhi",
    "ds_division": "LK-1103",
    "received_on": "2026-10-12",
    "list": LIST,
    "score": "31.5",
}
COMPLAINT = {name: APPEAL[name] for name in ("channel", "programme", "ds_division", "received_on")} | {
    "kind": "grievance",
    "category": "payment",
}
ORIGINAL = {"household_size": 4, "earners": 1, "monthly_income": "18000.00", "housing": "rented"}
REVISED = ORIGINAL | {"household_size": 5, "monthly_income": "12000.00"}
VISIT: dict[str, Any] = {
    "list": LIST,
    "list_version": 1,
    "of": 1,
    "position": 1,
    "household_id": HOUSEHOLD,
    "gn_division": "LK-1103005",
    "names": [{"language": "eng", "script": "Latn", "value": "Kamala Perera"}],
    "score": "24.5",
    "original": ORIGINAL,
}
REVISION: dict[str, Any] = {
    "list": LIST,
    "household_id": HOUSEHOLD,
    "clearance": "CLR-1103-1",
    "revised": REVISED,
    "edited_by": "RO-7",
    "edited_on": "2026-10-31",
}


@dataclass
class Divisions:
    """Both agencies, their faults, and where they are."""

    side: LocalSide
    url: str
    settings: dict[str, str]
    faults: dict[str, Faults] = field(default_factory=dict)

    @asynccontextmanager
    async def adapter(self, name: str) -> AsyncIterator[Adapter]:
        """One of the two adapters, linked."""
        dialler = Dialler({self.url.partition("//")[2]})
        opened = open_adapter(ADAPTERS / name, self.settings.__getitem__, dialler)
        try:
            yield opened
        finally:
            await opened.close()
            await dialler.close()


@contextmanager
def divisions(folder: Path, gateway: str = "http://127.0.0.1:1") -> Iterator[Divisions]:
    """Serve both until the end; `gateway` is whom the desk tells."""

    def at(name: str) -> Path:
        (folder / name).mkdir(parents=True, exist_ok=True)
        return folder / name

    side = LocalSide(DAY, url=lambda _: "", folder=at, gateway=gateway)
    faults = {name: Faults() for name in AGENCIES}
    app = Starlette(routes=[Mount(f"/{name}", app=each) for name, each in side.apps(faults).items()])
    with serving(app) as url:
        urls = {f"{name.upper()}_URL": f"{url}/{name}" for name in AGENCIES}
        yield Divisions(side, url, side.exported() | urls, faults)
    side.close()
