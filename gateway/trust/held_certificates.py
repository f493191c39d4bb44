"""Client certificates that a system may present: taken in as PEM, kept as thumbprint and end.

Only the thumbprint counts at a call (`Policy.certificates`); the end is for the forecast. A thumbprint may also be
written into the policy directly; then nobody knows when it ends.
"""

from dataclasses import replace
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from . import register, tables
from .certificate import PeerCertificate
from .errors import CredentialRefused, KeysRefused, RegistrationRefused
from .evidence import Log, inserted
from .held_keys import utc
from .parties import System

MOST = 8


async def add(connection: AsyncConnection, log: Log, system: System, pem: str, now: datetime) -> str:
    """Let the system present this certificate too; gives the log receipt.

    Raises:
        KeysRefused: not one certificate in PEM, a private key in it, or it has ended.
        RegistrationRefused: it is registered already, with this system or another, or there are eight.
    """
    found = _read(pem)
    if found.not_after <= now:
        raise KeysRefused("the certificate has ended already; send one that has not")
    if len(system.policy.certificates) >= MOST:
        raise RegistrationRefused(f"{system.id} would have more than {MOST} certificates; retire one first")
    if any(found.thumbprint in each.policy.certificates for each in await register.systems(connection)):
        raise RegistrationRefused("the certificate is registered already; each system has its own")
    await _forget(connection, system, found.thumbprint)
    row = {"system_id": system.id, "thumbprint": found.thumbprint, "not_after": found.not_after, "added_at": now}
    await inserted(connection, insert(tables.certificate).values(row), "the certificate is registered already")
    policy = replace(system.policy, certificates=(*system.policy.certificates, found.thumbprint))
    return await register.change_policy(connection, log, system.id, policy, now)


async def retire(connection: AsyncConnection, log: Log, system: System, thumbprint: str, now: datetime) -> str:
    """Refuse a certificate from now on; gives the log receipt.

    Raises:
        RegistrationRefused: it is not the system's.
    """
    if thumbprint not in system.policy.certificates:
        raise RegistrationRefused(f"{system.id} has no certificate with this thumbprint")
    await _forget(connection, system, thumbprint)
    kept = tuple(each for each in system.policy.certificates if each != thumbprint)
    return await register.change_policy(connection, log, system.id, replace(system.policy, certificates=kept), now)


async def ends(connection: AsyncConnection) -> dict[str, dict[str, datetime]]:
    """System id -> thumbprint -> when that certificate ends."""
    found: dict[str, dict[str, datetime]] = {}
    for row in await connection.execute(select(tables.certificate).order_by(tables.certificate.c.not_after)):
        found.setdefault(row.system_id, {})[row.thumbprint] = utc(row.not_after)
    return found


async def _forget(connection: AsyncConnection, system: System, thumbprint: str) -> None:
    held = tables.certificate.c
    await connection.execute(
        delete(tables.certificate).where(held.system_id == system.id, held.thumbprint == thumbprint)
    )


def _read(pem: str) -> PeerCertificate:
    if "PRIVATE KEY" in pem:
        raise KeysRefused("that holds a private key: it is burnt; make a new key and send only its certificate")
    try:
        (certificate,) = x509.load_pem_x509_certificates(pem.encode("ascii", "replace"))
        return PeerCertificate.of(certificate.public_bytes(Encoding.DER))
    except (ValueError, CredentialRefused):
        raise KeysRefused("send exactly one X.509 certificate in PEM") from None
