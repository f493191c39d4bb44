"""`/v1/systems/{system}/policy`, `/certificates` and `/secret`: how a system may present itself. For scope `admin` and
operators."""

from dataclasses import replace
from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from pydantic import Field, StrictBool, StrictFloat, StrictInt, StringConstraints
from sqlalchemy.ext.asyncio import AsyncConnection

from ...trust import Policy, System, Trust, client_secrets, held_certificates, key_sets, register
from ...trust.errors import KeysRefused
from ...trust.key_sets import Fetched
from ...trust.policy import compared
from ..body import StrictRoute
from .changing import Changes, FourEyes, slashed
from .party import Operator
from .problems import ProblemError
from .shapes import Shape

router = APIRouter(tags=["systems"], route_class=StrictRoute)
Made = Annotated[Changes, Depends()]
Thumbprint = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{43}$")]
KeysUrl = Annotated[str, StringConstraints(max_length=500, pattern=r"^(?:https?://[A-Za-z0-9._:\[\]-]+/[!-~]*)?$")]

RenamedIn = Annotated[
    str,
    StringConstraints(
        max_length=260,
        pattern=r"^(?:reg_type|record_type|event_type|attribute|id_type):[!-<>-~]{1,120}=[!-<>-~]{1,120}$",
    ),
]


class SignaturePolicyIn(Shape):
    """See `gateway.trust.policy.SignaturePolicy`."""

    dialect: Literal["dci-jws", "dci-params", "jws-body", "jws-header", "rfc9421", "none"] = "dci-jws"
    required: StrictBool = True
    tolerant: StrictBool = False
    window_s: Annotated[StrictInt, Field(ge=1, le=3600)] = 300
    algorithms: Annotated[tuple[Literal["RS256"], ...], Field(max_length=1)] = ()


class EncryptionPolicyIn(Shape):
    """See `gateway.trust.policy.EncryptionPolicy`."""

    outgoing: StrictBool = False
    required: StrictBool = False


class LimitsIn(Shape):
    """See `gateway.trust.policy.Limits`. 0: as the gateway's settings say."""

    per_second: Annotated[StrictFloat | StrictInt, Field(ge=0, le=1_000_000)] = 0
    burst: Annotated[StrictInt, Field(ge=0, le=1_000_000)] = 0
    concurrent: Annotated[StrictInt, Field(ge=0, le=100_000)] = 0


class DciPolicyIn(Shape):
    """See `gateway.trust.policy.DciPolicy`."""

    interface: Literal["", "SR", "ESS", "CRVS", "IBR", "DR", "FR"] = ""
    tolerant: StrictBool = False
    prefix: Annotated[str, StringConstraints(max_length=250, pattern=r"^(?:/[A-Za-z0-9._-]{1,60}){0,4}$")] = ""
    names: Annotated[tuple[RenamedIn, ...], Field(max_length=200)] = ()
    purpose: Annotated[str, StringConstraints(pattern=r"^(?:[a-z0-9][a-z0-9.-]{0,79})?$")] = ""


class PolicyIn(Shape):
    """What is agreed about how a system presents itself; what is left out is the strict default."""

    certificates: Annotated[tuple[Thumbprint, ...], Field(max_length=8)] = ()
    client_secret: StrictBool = False
    bearer: StrictBool = False
    jwks_uri: KeysUrl = ""
    signature: SignaturePolicyIn = SignaturePolicyIn()
    encryption: EncryptionPolicyIn = EncryptionPolicyIn()
    limits: LimitsIn = LimitsIn()
    dci: DciPolicyIn = DciPolicyIn()

    def policy(self) -> Policy:
        """The register's value."""
        return Policy.read(self.model_dump())


class CertificateIn(Shape):
    """A client certificate the system may present, in PEM."""

    pem: Annotated[str, StringConstraints(max_length=16384)]


class SecretIn(Shape):
    """`POST /v1/systems/{system}/secret`."""

    days: Annotated[StrictInt, Field(ge=1, le=366)] = client_secrets.LIFETIME.days


@router.put("/systems/{system}/policy", responses={400: {}, 403: {}, 404: {}, 409: {}})
async def put_policy(
    system: str, body: PolicyIn, _: Operator, changes: Made, two_people: FourEyes
) -> dict[str, object]:
    """Replace a system's policy. The log entry says what was raised and what was lowered."""
    known = (await changes.trust.register()).systems.get(slashed(system))
    if known is None:
        raise ProblemError("not_found", "There is no such system.")
    after = body.policy()
    if two_people and compared(known.policy, after).lowered:
        raise ProblemError("forbidden", "Lowering a policy takes two people: propose system.policy at /v1/approvals.")
    moved = after.jwks_uri and after.jwks_uri != known.policy.jwks_uri
    fetched = await published_keys(changes.trust, replace(known, policy=after)) if moved else None

    async def work(connection: AsyncConnection) -> list[str]:
        receipt = await register.change_policy(connection, changes.log, known.id, after, changes.now)
        if fetched is None:
            return [receipt]
        return [receipt, *await key_sets.put(connection, changes.log, known, fetched, changes.now)]

    return await changes.made(work)


@router.post("/systems/{system}/certificates", status_code=201, responses={400: {}, 404: {}, 409: {}})
async def post_certificate(system: str, body: CertificateIn, _: Operator, changes: Made) -> dict[str, object]:
    """Let the system present this certificate too (RFC 8705)."""

    async def work(connection: AsyncConnection) -> str:
        found = await _found(connection, system)
        return await held_certificates.add(connection, changes.log, found, body.pem, changes.now)

    return await changes.made(work)


@router.delete("/systems/{system}/certificates/{thumbprint}", responses={404: {}, 409: {}})
async def delete_certificate(system: str, thumbprint: str, _: Operator, changes: Made) -> dict[str, object]:
    """Refuse a certificate from the next call on."""

    async def work(connection: AsyncConnection) -> str:
        found = await _found(connection, system)
        return await held_certificates.retire(connection, changes.log, found, thumbprint, changes.now)

    return await changes.made(work)


@router.post("/systems/{system}/secret", status_code=201, responses={400: {}, 404: {}, 409: {}})
async def post_secret(system: str, body: SecretIn, _: Operator, changes: Made) -> dict[str, object]:
    """Make a client secret, where the policy has one: shown here and never again. One before it stays for a week."""
    made = ""

    async def work(connection: AsyncConnection) -> str:
        nonlocal made
        found, lifetime = await _found(connection, system), client_secrets.days(body.days)
        made, receipt = await client_secrets.make(connection, changes.log, found, changes.now, lifetime)
        return receipt

    return await changes.made(work) | {"client_secret": made}


@router.delete("/systems/{system}/secret", responses={404: {}, 409: {}})
async def delete_secret(system: str, _: Operator, changes: Made) -> dict[str, object]:
    """End every client secret of the system at once."""

    async def work(connection: AsyncConnection) -> str:
        return await client_secrets.withdraw(connection, changes.log, await _found(connection, system), changes.now)

    return await changes.made(work)


async def published_keys(trust: Trust, system: System) -> Fetched:
    """What the system publishes where its policy says: fetched once before the address is taken in.

    Raises:
        KeysRefused: it cannot be fetched.
    """
    if trust.key_sets is None:
        raise KeysRefused("this gateway fetches no key sets; send the keys as jwks")
    return await trust.key_sets.fetched(system)


async def _found(connection: AsyncConnection, system: str) -> System:
    found = await register.find_system(connection, slashed(system))
    if found is None:
        raise ProblemError("not_found", "There is no such system.")
    return found
