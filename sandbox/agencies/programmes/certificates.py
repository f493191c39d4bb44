"""What a programme asks the health register before it enrols: is the certificate genuine, and of our category.

Who hands a certificate in agrees to that; the consent is recorded first, and binds its number to the person.
"""

import hashlib
import logging
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

from sandbox.gateway_client import GatewayClient, GatewayRefused

from .book import Person

PURPOSE, SERVICE = "social-protection.enrolment", "health.certificate"
LASTS = timedelta(days=365)
GOOD, BAD, UNVERIFIED = "waiting", "refused", "unverified"  # the state that the person comes to

log = logging.getLogger(__name__)


async def verified(client: GatewayClient, person: Person, category: str, day: date, *, member: str) -> str:
    """The state a candidate comes to: only an answer of the register can refuse somebody. `member` is whose programme
    it is, as the gateway writes it.

    Raises:
        GatewayUnreachable, NoCredentials: nobody knows yet; ask again.
    """
    numbers = {"NIC": person.nic, "CERTIFICATE": str(person.record.get("certificate", ""))}
    if not all(numbers.values()):
        return BAD
    subject = {"identifiers": [{"type": kind, "value": value} for kind, value in numbers.items()]}
    asked = {
        "service": SERVICE,
        "purpose": PURPOSE,
        "subject": subject,
        "fields": ["genuine", "category", "valid_until"],
    }
    try:
        await client.record_consent(_consent(person, subject, member))
        found = await client.exchange(asked)
    except GatewayRefused as error:
        log.info("a certificate was not verified: %s", error.code)
        return UNVERIFIED
    until = found.get("valid_until")
    valid = until is None or date.fromisoformat(until) >= day
    return GOOD if found.get("genuine") is True and found.get("category") == category and valid else BAD


def _consent(person: Person, subject: Mapping[str, object], member: str) -> dict[str, object]:
    """Given with the application form; the form itself stays with the programme."""
    now = datetime.now(UTC)
    form = f"{person.member_id}:{person.record['listed_on']}"
    return {
        "id": f"certificate-{person.record['programme']}-{person.member_id}",
        "subject": subject,
        "recipients": [member],
        "purposes": [PURPOSE],
        "services": [SERVICE],
        "valid_from": now.strftime("%Y-%m-%dT00:00:00Z"),
        "valid_until": (now + LASTS).strftime("%Y-%m-%dT00:00:00Z"),
        "given_how": "self",
        "evidence": f"sha-256:{hashlib.sha256(form.encode()).hexdigest()}",
    }
