"""Address and partners of the tax board."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SocialTaxSettings:
    """`client` and `service` are X-Road identifiers in path spelling; only that client is served."""

    url: str
    client: str = "LK/GOV/SANDHI/GATEWAY"
    service: str = "LK/GOV/EPF/TSD"

    def exported(self) -> dict[str, str]:
        """What the client is given, by the names of the sandbox settings file."""
        return {
            "PENSION_XROAD_URL": self.url,
            "PENSION_XROAD_CLIENT": self.client,
            "PENSION_XROAD_SERVICE": self.service,
        }


def make_settings(base_url: str) -> SocialTaxSettings:
    """`base_url` is where the agency is mounted; its one endpoint is the root, with the slash."""
    return SocialTaxSettings(f"{base_url.rstrip('/')}/")
