"""Address and partners of the traffic register."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DrivingSettings:
    """`client` and `service` are X-Road identifiers in path spelling; only that client is served, without a credential:
    it authenticates to its own security server, which is not simulated."""

    url: str
    client: str = "LK/GOV/SANDHI/GATEWAY"
    service: str = "LK/GOV/DMT/LICENCES"

    def exported(self) -> dict[str, str]:
        """What the client is given, by the names of the sandbox settings file."""
        return {
            "DRIVING_LICENCE_URL": self.url,
            "DRIVING_LICENCE_CLIENT": self.client,
            "DRIVING_LICENCE_SERVICE": self.service,
        }


def make_settings(base_url: str) -> DrivingSettings:
    """`base_url` is where the agency is mounted; its one endpoint is the root, with the slash."""
    return DrivingSettings(f"{base_url.rstrip('/')}/")
