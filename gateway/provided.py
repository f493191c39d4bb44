"""What agencies provide here, one view of each adapter, whichever way it came: with the installation or registered."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from adapters.kit import manifest
from consent import member_of

from .catalogue import Catalogue, Offer, adapter_folders
from .settings import SettingError, Settings

SETTING = "setting:"
WHERE = ("_URL", "_HOST", "_PORT")
"""What the settings are called that say where an agency is reached. A key file or a user name is nobody's to see."""
BROUGHT, REGISTERED, CONNECTOR = "brought", "registered", "connector"


@dataclass(frozen=True, slots=True)
class Provided:
    """One adapter with all its services. `came`: `brought` by this installation, `registered`, or a `connector`."""

    adapter: str
    provider: str
    offers: tuple[Offer, ...]
    came: str

    @property
    def linked(self) -> bool:
        """Whether it can be asked here."""
        return self.offers[0].adapter is not None

    @property
    def conformance(self) -> Mapping[str, object] | None:
        """Version, grade and excuses of a registered one."""
        return self.offers[0].conformance

    def wire(self) -> dict[str, object]:
        """As a line of `/v1/provided-adapters`."""
        return {
            "adapter": self.adapter,
            "system": self.provider,
            "member": member_of(self.provider),
            "came": self.came,
            "linked": self.linked,
            "conformance": self.conformance and dict(self.conformance),
        }


def provided(catalogue: Catalogue, brought: Iterable[str], connectors: Iterable[str], member: str) -> list[Provided]:
    """Every adapter, those of this member only unless it is empty; by id."""
    offers: dict[str, list[Offer]] = defaultdict(list)
    for offer in catalogue:
        if not member or member_of(offer.provider) == member:
            offers[offer.service.id.partition(".")[0]].append(offer)
    ours, dial_in = frozenset(brought), frozenset(connectors)

    def came(name: str) -> str:
        return CONNECTOR if name in dial_in else BROUGHT if name in ours else REGISTERED

    return [Provided(name, each[0].provider, tuple(each), came(name)) for name, each in sorted(offers.items())]


def addresses(settings: Settings, adapter: str) -> list[dict[str, str | None]]:
    """Where an adapter of this installation reaches its agency, by the names of the settings; None: not set.

    No secret and no user name: of a URL its scheme, host, port and path alone.
    """
    folder = adapter_folders(settings).get(adapter)
    if folder is None:
        return []
    references = manifest.load(folder).references.values()
    names = sorted({each.removeprefix(SETTING) for each in references if each.startswith(SETTING)})
    return [{"name": name, "value": _where(settings, name)} for name in names if name.endswith(WHERE)]


def _where(settings: Settings, name: str) -> str | None:
    try:
        value = settings.adapter(name)
    except SettingError:
        return None
    if "://" not in value:
        return value.rpartition("@")[2]
    parts = urlsplit(value)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
