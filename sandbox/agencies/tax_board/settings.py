"""Address and partners of the tax board."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TaxBoardSettings:
    """`client` and `service` are X-Road identifiers in path spelling; only that client is served."""

    url: str
    client: str = "LK/GOV/SANDHI/GATEWAY"
    service: str = "LK/GOV/IRD/EMTA"

    def exported(self) -> dict[str, str]:
        """What the client is given, by the names of the sandbox settings file."""
        return {
            "TAX_XROAD_URL": self.url,
            "TAX_XROAD_CLIENT": self.client,
            "TAX_XROAD_SERVICE": self.service,
        }


def make_settings(base_url: str) -> TaxBoardSettings:
    """`base_url` is where the agency is mounted; its one endpoint is the root, with the slash."""
    return TaxBoardSettings(f"{base_url.rstrip('/')}/")
