"""What can be asked here: every service, who provides it, and the adapter that speaks to the provider."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from adapters.kit import discovery
from adapters.kit.contract import Adapter, Service
from pages.languages import Titled

from .errors import NoLink
from .settings import Settings


class UnknownService(Exception):
    """No provider of this deployment offers such a service."""


def adapter_folders(settings: Settings) -> dict[str, Path]:
    """Adapter id -> folder, of those beside the kit, of installed packages and of `ADAPTERS_DIR`."""
    further = settings["ADAPTERS_DIR"]
    return discovery.discover() | (discovery.discover(Path(further)) if further else {})


@dataclass(frozen=True, slots=True)
class Offer:
    """One service. `adapter` is None while this deployment has no link to the provider.

    `conformance`: of a registered adapter its version, its grade and what it is excused from, with the reasons.
    """

    service: Service
    provider: str
    adapter: Adapter | None
    conformance: Mapping[str, object] | None = None

    @property
    def link(self) -> Adapter:
        """The adapter.

        Raises:
            NoLink: the provider is known, but not connected here.
        """
        if self.adapter is None:
            raise NoLink(f"This deployment has no link to {self.service.id.partition('.')[0]}.")
        return self.adapter


class Catalogue:
    """All offers: those of the adapters by service id, and those of registered systems as `registered` finds them."""

    def __init__(
        self, offers: Iterable[Offer] = (), registered: Callable[[str], Offer | None] = lambda _service: None
    ) -> None:
        self._own = {offer.service.id: offer for offer in offers}
        self._offers = self._own
        self._registered = registered
        self.titles = _titles(self._offers)
        """Service id -> what people call it, of those that have a title."""

    def __iter__(self) -> Iterator[Offer]:
        return iter(self._offers.values())

    def put_registered(self, offers: Iterable[Offer]) -> None:
        """Let these be the offers of registered adapters from now on, all at once; the gateway's own go before."""
        self._offers = {offer.service.id: offer for offer in offers} | self._own
        self.titles = _titles(self._offers)

    def offer(self, service: str) -> Offer:
        """The offer of this id.

        Raises:
            UnknownService: there is none.
        """
        found = self._offers.get(service) or self._registered(service)
        if found is None:
            raise UnknownService("no provider offers this service; GET /v1/catalogue lists what exists")
        return found


def _titles(offers: Mapping[str, Offer]) -> Mapping[str, str]:
    services = {id_: offer.service for id_, offer in offers.items() if offer.service.title}
    return {id_: Titled(each.title, each.titles) for id_, each in services.items()}
