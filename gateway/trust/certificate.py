"""The certificate that a caller presented in its TLS handshake, as far as trust needs to know it.

Whether it may be trusted was decided in the handshake (by us, or by the proxy in front of us); whose it is says the
register: `System.policy.certificates`.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from .errors import CredentialRefused
from .jose import b64


@dataclass(frozen=True, slots=True)
class PeerCertificate:
    """`thumbprint` is `x5t#S256` (RFC 8705 section 3.1): base64url SHA-256 of the DER."""

    thumbprint: str
    not_after: datetime

    @classmethod
    def of(cls, der: bytes) -> "PeerCertificate":
        """From the DER.

        Raises:
            CredentialRefused: not one X.509 certificate.
        """
        try:
            read = x509.load_der_x509_certificate(der)
        except ValueError:
            raise CredentialRefused("certificate_form") from None
        return cls(b64(hashlib.sha256(der).digest()), read.not_valid_after_utc)
