"""Who is calling, known by the certificate of the connection alone: for surfaces whose standard has no tokens.

X-Road and the GovStack Information Mediator trust the TLS connection between an information system and its security
server. The handshake proved that the caller holds the certificate's key; the register says whose it is.

Source: X-Road security server guide, section 9 (communication with client information systems); RFC 8705 section 3.
"""

from datetime import datetime

from .binding import Presented
from .caller import Caller
from .directory import Snapshot
from .errors import CredentialRefused


def certified(snapshot: Snapshot, presented: Presented, now: datetime) -> Caller:
    """The system in force that registered the certificate of this connection.

    Raises:
        CredentialRefused: there is no certificate, it has ended, or it is not exactly one system's.
    """
    shown = presented.certificate
    if shown is None:
        raise CredentialRefused("no_certificate")
    if shown.not_after <= now:
        raise CredentialRefused("certificate_ended")
    found = [each for each in snapshot.callers.values() if shown.thumbprint in each.policy.certificates]
    if len(found) != 1:
        raise CredentialRefused("certificate_of_several" if found else "certificate_not_registered")
    return Caller(found[0].client_id, found[0].id, found[0].scopes)
