"""Services that registered systems take through their callbacks, as offers beside those of the adapters."""

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import schemas
from adapters.kit.callback import ABOUT, CallbackAdapter
from adapters.kit.contract import Service
from adapters.kit.egress import Dialler, NotAllowed

from .catalogue import Offer
from .edges.dci.operations import GATEWAY_INTERFACE
from .trust.register import Offered, System
from .trust.trust import Trust
from .wires import SystemWire

logger = logging.getLogger(__name__)


class Receivers:
    """Makes the offer of `LK.GOV.WBB.SRIS/enrolment` from the register, and keeps one connection pool per callback."""

    def __init__(self, trust: Trust, dialler: Dialler, gateway: str) -> None:
        self._trust, self._dialler, self._sender = trust, dialler, gateway.replace("/", ".")
        self._adapters: dict[tuple[str, str], CallbackAdapter | None] = {}

    def offer(self, service: str) -> Offer | None:
        """The offer as the register stands; None if no system in force takes such deliveries."""
        found = self._trust.directory.snapshot.offered(service)
        if found is None:
            return None
        system, offered = found
        if not offered.record_schema:  # an address for confirmations, not for deliveries
            return None
        return Offer(_service(service, offered), system.id, self._adapter(system, offered))

    async def callback(self, system: str, name: str) -> CallbackAdapter | None:
        """The connection to the address that a system registered under this name, if any."""
        await self._trust.register()
        found = self._trust.directory.snapshot.offered(f"{system.replace('/', '.')}/{name}")
        return self._adapter(*found) if found else None

    def _adapter(self, system: System, offered: Offered) -> CallbackAdapter | None:
        key = (system.id, offered.callback_url)
        if key not in self._adapters:
            wire = SystemWire(self._trust, system.id, GATEWAY_INTERFACE)
            try:
                adapter = CallbackAdapter(system.dci_id, offered.callback_url, self._sender, self._dialler, wire)
            except NotAllowed as error:  # registered, but its address may not be dialled from here
                logger.warning("no link to %s/%s: %s", system.id, offered.name, error.detail)
                self._adapters[key] = None
                return None
            self._adapters[key] = adapter
        return self._adapters[key]


def own_event(name: str, reference: str, at: datetime, record: Mapping[str, object]) -> dict[str, object]:
    """A DCI notify message of the gateway's own, for the addresses registered under `name` (`erasure`, `emergency`)."""
    event = {
        "reference_id": reference,
        "timestamp": at.isoformat(),
        "data": {
            "version": "1.0.0",
            "reg_type": "ns:org:RegistryType:Sandhi",
            "reg_event_type": name,
            "reg_record_type": f"sandhi:{name}:v1",
            "reg_records": dict(record),
        },
    }
    return {"transaction_id": f"{name}:{reference}", "notify_event": [event]}


def _service(service: str, offered: Offered) -> Service:
    properties: Any = schemas.load(offered.record_schema)["properties"]
    number = ABOUT.get(offered.name, "NIC")
    return Service(
        id=service,
        actions=frozenset({"push"}),
        id_types=(number,),
        sent=frozenset({number}),
        fields=frozenset(properties),
        claims=frozenset(),
        record_schema=offered.record_schema,
        sensitivity="open" if offered.name in ABOUT else "personal",
        summary=f"Deliveries to {service.partition('/')[0]}",
    )
