"""An agreement document between two members, and both registered in the database that the environment names."""

import asyncio
from datetime import UTC, datetime
from typing import Any

from joserfc.jwk import OKPKey

from gateway.trust import jwks, register
from gateway.wiring import open_services

WBB, EPF = "LK/GOV/WBB", "LK/GOV/EPF"


def agreement_document() -> dict[str, Any]:
    """Version 1."""
    return {
        "format": "agreement/1",
        "id": "A1",
        "version": 1,
        "title": "Contribution status",
        "provider": {"member": EPF, "systems": [f"{EPF}/MEMBERS"]},
        "consumer": {"member": WBB, "systems": [f"{WBB}/SRIS"]},
        "services": [{"service": "pension.contributions", "actions": ["read"], "fields": ["months"]}],
        "purposes": ["employment-support.eligibility"],
        "legal_bases": [{"kind": "consent", "controllers": [WBB]}],
        "valid_from": "2020-01-01T00:00:00Z",
        "valid_until": "2100-01-01T00:00:00Z",
    }


def registered_members() -> dict[str, dict[str, Any]]:
    """Registers both; gives their private keys."""
    private = {
        member: {**OKPKey.generate_key("Ed25519").as_dict(private=True), "kid": member, "alg": "EdDSA", "use": "sig"}
        for member in (WBB, EPF)
    }

    async def registered() -> None:
        async with open_services() as here, here.db.write() as connection:
            now = datetime.now(UTC)
            for member, jwk in private.items():
                public = {name: value for name, value in jwk.items() if name != "d"}
                await register.add_member(connection, here.log, register.Member(member, member), now)
                await register.add_keys(connection, here.log, member, jwks.checked({"keys": [public]}), now)

    asyncio.run(registered())
    return private
