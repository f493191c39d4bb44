"""Addresses, partner and credentials of the employment support system."""

from dataclasses import dataclass
from pathlib import Path

from sandbox.dci_agency import SCOPES, Registered
from sandbox.kept import Kept


@dataclass(frozen=True, slots=True)
class EssSettings:
    """Everything made at the first start and kept.

    Attributes:
        client: name of ESS's own credentials file at the gateway.
        sender_id: DCI id of the one registered partner, the gateway, and `partner_secret` its client secret.
        partner_callback: the partner's registered address for `on-subscribe`.
        registry: DCI id of the social registry, which ESS subscribes to and tells findings and progress.
        civil: DCI id of civil registration, which tells it through the gateway who died.
        store: SQLite file of everything ESS knows.
    """

    url: str
    own_id: str
    client: str
    gateway: str
    sender_id: str
    partner_client: str
    partner_secret: str
    token_secret: str
    partner_callback: str
    registry: str
    store: Path
    token_valid_s: int = 600
    skew_s: float = 300.0
    civil: str = "LK.GOV.RGD.CRVS"

    @property
    def own_callback(self) -> str:
        """Where ESS takes confirmations of its own subscriptions."""
        return f"{self.url}/registry/on-subscribe"

    @property
    def registered(self) -> Registered:
        """ESS and its partner, as every DCI registry has them."""
        return Registered(
            name="ess",
            schema="dci/ess.json",
            own_id=self.own_id,
            client=self.client,
            sender_id=self.sender_id,
            partner_client=self.partner_client,
            partner_secret=self.partner_secret,
            token_secret=self.token_secret,
            partner_callback=self.partner_callback,
            token_valid_s=self.token_valid_s,
            skew_s=self.skew_s,
            scopes=SCOPES | {"registry.on-search"},
        )

    def exported(self) -> dict[str, str]:
        """What the partner is given, by the names of the sandbox settings file."""
        return {
            "ESS_URL": self.url,
            "ESS_CLIENT_ID": self.partner_client,
            "ESS_CLIENT_SECRET": self.partner_secret,
            "ESS_SENDER_ID": self.sender_id,
        }


def make_settings(base_url: str, data_dir: Path, *, gateway: str) -> EssSettings:
    """Make or read the settings.

    Args:
        base_url: where the agency is reached, without a slash at the end.
        data_dir: the agency's own folder.
        gateway: base URL of the gateway.
    """
    kept = Kept(data_dir)
    return EssSettings(
        url=base_url,
        own_id="LK.GOV.DME.ESS",
        client="ess",
        gateway=gateway,
        sender_id="LK.GOV.SANDHI.GATEWAY",
        partner_client="sandhi-gateway",
        partner_secret=kept.secret("partner_secret"),
        token_secret=kept.secret("token_secret"),
        partner_callback=f"{gateway.rstrip('/')}/dci/registry/on-subscribe",
        registry="LK.GOV.WBB.SRIS",
        store=data_dir / "ess.db",
    )
