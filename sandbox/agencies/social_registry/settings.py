"""Addresses, partner and credentials of the social registry's system for programmes."""

from dataclasses import dataclass
from pathlib import Path

from sandbox.dci_agency import Registered
from sandbox.kept import Kept

OWN_ID = "LK.GOV.WBB.SR"


@dataclass(frozen=True, slots=True)
class RegistrySettings:
    """`store` is the SQLite file of what was listed and told."""

    url: str
    registered: Registered
    store: Path

    def exported(self) -> dict[str, str]:
        """What the partner is given, by the names of the sandbox settings file."""
        own = self.registered
        return {
            "SOCIAL_REGISTRY_URL": self.url,
            "SOCIAL_REGISTRY_CLIENT_ID": own.partner_client,
            "SOCIAL_REGISTRY_CLIENT_SECRET": own.partner_secret,
            "SOCIAL_REGISTRY_SENDER_ID": own.sender_id,
            "SOCIAL_REGISTRY_RECEIVER_ID": own.own_id,
        }


def make_settings(base_url: str, data_dir: Path, *, gateway: str) -> RegistrySettings:
    """Make or read the settings; see `programmes.settings.make_settings`."""
    kept = Kept(data_dir)
    registered = Registered(
        name="social_registry",
        schema="dci/social.json",
        own_id=OWN_ID,
        client="social-registry",
        sender_id="LK.GOV.SANDHI.GATEWAY",
        partner_client="sandhi-gateway",
        partner_secret=kept.secret("partner_secret"),
        token_secret=kept.secret("token_secret"),
        partner_callback=f"{gateway.rstrip('/')}/dci/registry/on-subscribe",
    )
    return RegistrySettings(base_url, registered, data_dir / "social_registry.db")
