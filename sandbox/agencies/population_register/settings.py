"""Address and partners of the population register."""

from collections.abc import Container
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PopulationSettings:
    """`client` and `service` are X-Road identifiers in path spelling; only that client is served, without a credential:
    it authenticates to its own security server, which is not simulated. `locked` are numbers of people whose data may
    not be released."""

    url: str
    client: str = "LK/GOV/SANDHI/GATEWAY"
    service: str = "LK/GOV/DRP/RR"
    locked: Container[str] = frozenset()

    def exported(self) -> dict[str, str]:
        """What the client is given, by the names of the sandbox settings file."""
        return {
            "NATIONAL_ID_XROAD_URL": self.url,
            "NATIONAL_ID_XROAD_CLIENT": self.client,
            "NATIONAL_ID_XROAD_SERVICE": self.service,
            "NATIONAL_ID_XROAD_LANGUAGE": "eng/Latn",
        }


def make_settings(base_url: str, *, locked: Container[str] = frozenset()) -> PopulationSettings:
    """`base_url` is where the agency is mounted; its one endpoint is the root, with the slash."""
    return PopulationSettings(f"{base_url.rstrip('/')}/", locked=locked)
