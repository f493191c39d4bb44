"""Account, senders and templates."""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sandbox.kept import Kept

LANGUAGES = ("sin", "tam", "eng")


@dataclass(frozen=True, slots=True)
class MessagingSettings:
    """Everything made at the first start and kept.

    Attributes:
        sms, whatsapp, voice: the account's own numbers, E.164, invented.
        templates: language (ISO 639-3) -> approved WhatsApp template.
        pace: seconds between two states of a message.
    """

    url: str
    account_sid: str
    auth_token: str
    sms: str
    whatsapp: str
    voice: str
    templates: Mapping[str, str]
    pace: float = 0.05

    def exported(self) -> dict[str, str]:
        """What the client is given, by the names of the sandbox settings file."""
        return {
            "MESSAGING_URL": self.url,
            "MESSAGING_ACCOUNT_SID": self.account_sid,
            "MESSAGING_AUTH_TOKEN": self.auth_token,
            "MESSAGING_FROM_SMS": self.sms,
            "MESSAGING_FROM_WHATSAPP": self.whatsapp,
            "MESSAGING_FROM_VOICE": self.voice,
            **{f"MESSAGING_CONTENT_SID_{language.upper()}": sid for language, sid in self.templates.items()},
        }


def make_settings(base_url: str, data_dir: Path, *, pace: float = 0.05) -> MessagingSettings:
    """Make or read the settings.

    Args:
        base_url: where the agency is reached, without a slash at the end; the paths of the contract follow.
        data_dir: the agency's own folder.
    """
    kept = Kept(data_dir)
    return MessagingSettings(
        url=base_url.rstrip("/"),
        account_sid=kept.text("account_sid", lambda: f"AC{secrets.token_hex(16)}"),
        auth_token=kept.text("auth_token", lambda: secrets.token_hex(16)),
        sms="+94110000001",
        whatsapp="+94110000002",
        voice="+94110000003",
        templates={each: f"HX{hashlib.sha256(each.encode()).hexdigest()[:32]}" for each in LANGUAGES},
        pace=pace,
    )
