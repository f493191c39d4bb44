"""What the authority and its one partner agreed on: keys, certificates, path keys, policy."""

import secrets
from dataclasses import dataclass
from pathlib import Path

from sandbox.kept import Kept

DATE_FORMATS = {"YYYY/MM/DD": "%Y/%m/%d", "DD/MM/YYYY": "%d/%m/%Y"}


@dataclass(frozen=True, slots=True)
class NationalIdSettings:
    """Everything made at the first start and kept. PEM texts are whole files.

    Attributes:
        dob_format: `YYYY/MM/DD` or `DD/MM/YYYY`, one per deployment.
        attributes: the identity-schema attributes the partner's policy allows in KYC.
        skew_s: how far `requestTime` may be from the clock, in seconds.
    """

    url: str
    misp_key: str
    partner_id: str
    api_key: str
    partner_key: str
    partner_cert: str
    ida_key: str
    ida_cert: str
    token_secret: str
    dob_format: str = "YYYY/MM/DD"
    attributes: tuple[str, ...] = ("fullName", "dateOfBirth", "gender", "dateOfDeath")
    skew_s: int = 300

    def exported(self) -> dict[str, str]:
        """What the partner is given, by the names of the sandbox settings file."""
        return {
            "NATIONAL_ID_URL": self.url,
            "NATIONAL_ID_MISP_KEY": self.misp_key,
            "NATIONAL_ID_PARTNER_ID": self.partner_id,
            "NATIONAL_ID_API_KEY": self.api_key,
            "NATIONAL_ID_PARTNER_KEY": self.partner_key,
            "NATIONAL_ID_PARTNER_CERT": self.partner_cert,
            "NATIONAL_ID_IDA_CERT": self.ida_cert,
            "NATIONAL_ID_DOB_FORMAT": self.dob_format,
        }


def make_settings(base_url: str, data_dir: Path) -> NationalIdSettings:
    """Make or read the settings.

    Args:
        base_url: where the agency is reached, without a slash at the end.
        data_dir: the agency's own folder.
    """
    kept = Kept(data_dir)
    return NationalIdSettings(
        url=base_url,
        misp_key=kept.text("misp_key", lambda: secrets.token_hex(25)),
        partner_id="sandhi-partner",
        api_key=kept.text("api_key", lambda: secrets.token_hex(16)),
        partner_key=kept.rsa_key("partner"),
        partner_cert=kept.certificate("partner", common_name="sandhi-partner"),
        ida_key=kept.rsa_key("ida"),
        ida_cert=kept.certificate("ida", common_name="IDA"),
        token_secret=kept.secret("auth_token_secret"),
    )
