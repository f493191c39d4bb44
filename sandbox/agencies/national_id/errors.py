"""The error codes of IDA this agency uses. Texts as IDA words them; they name members, never values.

Source: github mosip/id-authentication, error enumeration of version 1.2; `schemas/agency/mosip-ida/wire.md`.
"""

from dataclasses import dataclass

_TEXTS: dict[str, tuple[str, str | None]] = {
    "IDA-MLC-001": ("Request to be received at MOSIP within {0} seconds", "Please send the request within {0} seconds"),
    "IDA-MLC-002": ("Invalid UIN", "Please retry with the correct UIN"),
    "IDA-MLC-003": ("UIN has been deactivated", "Your UIN status is not active"),
    "IDA-MLC-006": ("Missing Input Parameter - {0}", None),
    "IDA-MLC-007": ("Request could not be processed. Please try again", None),
    "IDA-MLC-008": ("No authentication type selected", None),
    "IDA-MLC-009": ("Invalid Input Parameter - {0}", None),
    "IDA-MLC-012": ("Individual's Consent is not available", None),
    "IDA-MLC-015": ("Identity Type - {0} not configured for the country", None),
    "IDA-MLC-018": ("{0} not available in database", None),
    "IDA-DEA-001": ("Demographic data {0} did not match", "Please re-enter your {0}"),
    "IDA-DEA-003": ("Demographic data {0} not available in database", None),
    "IDA-MPA-001": ("Digital signature verification failed for {0}", None),
    "IDA-MPA-002": ("Invalid certificate in digital signature", None),
    "IDA-MPA-003": ("Unable to decrypt Request", None),
    "IDA-MPA-004": ("MOSIP Public key expired", "Please reinitiate the request with updated public key"),
    "IDA-MPA-006": ("{0} usage not allowed as per policy", "Please use other Authentication Types in the request"),
    "IDA-MPA-007": ("License key does not belong to a registered MISP", None),
    "IDA-MPA-009": ("Partner is not registered", None),
    "IDA-MPA-010": ("MISP and Partner not mapped", None),
    "IDA-MPA-016": ("HMAC Validation failed", None),
    "IDA-MPA-021": ("Partner (Auth) Certificate not matching with signature header certificate.", None),
    "IDA-MPA-022": ("Partner (Auth) Certificate not found in Request signature header.", None),
}


@dataclass(frozen=True, slots=True)
class IdaError:
    """One entry of `errors[]`."""

    code: str
    about: str = ""

    def wire(self) -> dict[str, str | None]:
        """As IDA writes it."""
        message, action = _TEXTS[self.code]
        return {
            "errorCode": self.code,
            "errorMessage": message.format(self.about),
            "actionMessage": action.format(self.about) if action else None,
        }


class Refused(Exception):
    """The request ends here, with these errors."""

    def __init__(self, *errors: IdaError) -> None:
        super().__init__(", ".join(error.code for error in errors))
        self.errors = errors


def refused(code: str, about: str = "") -> Refused:
    """A refusal with one error."""
    return Refused(IdaError(code, about))
