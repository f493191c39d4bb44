"""The client, the keys and the limits of the civil registration authority."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sandbox.client_tokens import Client
from sandbox.kept import Kept

SEARCH_SCOPE, HOOK_SCOPE = "recordsearch", "webhook"


@dataclass(frozen=True, slots=True)
class CivilRegistrationSettings:
    """Everything made at the first start and kept. PEM texts are whole files.

    Attributes:
        client_id: the client that `exported()` gives away; one of `clients`.
        sender_id: the one registered sender of DCI messages, and `signing_key` its private key.
        must_sign: refuse the sender's unsigned messages.
        skew_s: how far `message_ts` may be from the clock, in seconds.
        omit_empty_items: leave a search item without records out of the answer, as OpenCRVS's bridge does.
        store: the SQLite file of subscriptions and undelivered events.
        retry_s: first pause between two deliveries of one event; it doubles up to a minute.
    """

    url: str
    client_id: str
    clients: Mapping[str, Client]
    token_secret: str
    sender_id: str
    signing_key: str
    own_key: str
    hook_secret: str
    store: Path
    must_sign: bool = True
    skew_s: int = 300
    omit_empty_items: bool = False
    token_valid_s: int = 600
    retry_s: float = 1.0

    def exported(self) -> dict[str, str]:
        """What the client is given, by the names of the sandbox settings file."""
        return {
            "CIVIL_REGISTRATION_URL": self.url,
            "CIVIL_REGISTRATION_CLIENT_ID": self.client_id,
            "CIVIL_REGISTRATION_CLIENT_SECRET": self.clients[self.client_id].secret,
            "CIVIL_REGISTRATION_SIGNING_KEY": self.signing_key,
            "CIVIL_REGISTRATION_SENDER_ID": self.sender_id,
            "CIVIL_REGISTRATION_HOOK_SECRET": self.hook_secret,
            "CIVIL_REGISTRATION_PER_DAY": "1000000",  # this register does not count; OpenCRVS takes 2000
        }


def make_settings(
    base_url: str, data_dir: Path, *, sender_id: str = "LK/GOV/SANDHI/GATEWAY"
) -> CivilRegistrationSettings:
    """Make or read the settings.

    Args:
        base_url: where the agency is reached, without a slash at the end.
        data_dir: the agency's own folder.
        sender_id: as the partner writes it into DCI headers.
    """
    kept = Kept(data_dir)
    scopes = frozenset({SEARCH_SCOPE, HOOK_SCOPE})
    return CivilRegistrationSettings(
        url=base_url,
        client_id="sandhi-gateway",
        clients={"sandhi-gateway": Client(kept.secret("client_secret"), scopes)},
        token_secret=kept.secret("token_secret"),
        sender_id=sender_id,
        signing_key=kept.rsa_key("partner_signing"),
        own_key=kept.rsa_key("own_signing"),
        hook_secret=kept.secret("hook_secret"),
        store=data_dir / "civil_registration.db",
    )
