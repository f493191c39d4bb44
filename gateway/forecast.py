"""What ends when, and which agreements stop then: keys, certificates, secrets, agreements, consents.

A system's key stops its agreements only if no other way in is left to it when the key ends; then the line names them.
Rows are sorted by time, what is over or failing already first.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from consent import store
from consent.model import Agreement, State
from consent.moments import micros, moment
from consent.tables import consent

from .trust import held_keys
from .trust.jose import Key
from .trust.keys import GatewayKeys, Ring
from .trust.posture import Posture, postures

HORIZON = timedelta(days=90)
RENEW = {"token": 90, "message": 365, "encryption": 365}  # days after which our own keys are due for rotation


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that ends.

    Attributes:
        what: key, certificate, client_secret, key_set, member_key, gateway_key, agreement, review or consents.
        owner: whose it is.
        name: which one: a kid, a thumbprint, an agreement.
        at: when.
        stops: the agreements that stop then, unless something is done before.
        do: what to do.
    """

    what: str
    owner: str
    name: str
    at: datetime
    stops: tuple[str, ...]
    do: str

    def concerns(self, member: str) -> bool:
        """Whether it is the member's, one of its systems', or of an agreement that it is a party to."""
        owners = self.owner.split(" from ")
        return any(each == member or each.startswith(f"{member}/") for each in owners)

    def document(self) -> dict[str, object]:
        """As JSON."""
        return {
            "what": self.what,
            "owner": self.owner,
            "name": self.name,
            "at": self.at.isoformat(timespec="seconds"),
            "stops": list(self.stops),
            "do": self.do,
        }


@dataclass(frozen=True, slots=True)
class Known:
    """All that a forecast is made from; `consents` is controller -> (how many end, when the first does)."""

    postures: Sequence[Posture]
    members: Mapping[str, tuple[Key, ...]]
    agreements: Sequence[Agreement]
    consents: Mapping[str, tuple[int, datetime]]
    keys: GatewayKeys


async def known(connection: AsyncConnection, keys: GatewayKeys, now: datetime, until: datetime) -> Known:
    """Read what a forecast needs."""
    held = (await held_keys.every(connection, now)).keys["sig"]
    members = {owner: found for owner, found in held.items() if owner.count("/") == 2}
    agreements = [each for each in await store.current_agreements(connection, now) if each.state is not State.ENDED]
    ending = (
        select(consent.c.controller, func.count(), func.min(consent.c.valid_until))
        .where(consent.c.withdrawn_at.is_(None), consent.c.valid_until.between(micros(now), micros(until)))
        .group_by(consent.c.controller)
    )
    consents = {row[0]: (int(row[1]), moment(int(row[2]))) for row in await connection.execute(ending)}
    return Known(await postures(connection, now), members, agreements, consents, keys)


def forecast(found: Known, now: datetime, until: datetime) -> list[Line]:
    """Every line until then."""
    lines = [*_systems(found, now), *_members(found), *_agreements(found, now), *_consents(found)]
    lines += [line for ring in found.keys.rings for line in _own(ring, now)]
    return sorted((each for each in lines if each.at <= until), key=lambda each: (each.at, each.owner, each.name))


def _systems(found: Known, now: datetime) -> Iterator[Line]:
    for each in found.postures:
        if each.in_force:
            stops = _standing_with(found.agreements, each.system.id, now)
            yield from _keys(each, stops)
            yield from _others(each, stops)


def _keys(posture: Posture, stops: tuple[str, ...]) -> Iterator[Line]:
    """The last key to end stops what the system does, and then only if it has no client secret."""
    signing = [key for key in posture.keys if key.use == "sig"]
    last = None if posture.secrets or any(key.not_after is None for key in signing) else _latest(signing)
    for key in posture.keys:
        if key.not_after:
            stopped = stops if key is last else ()
            do = "register the system's next key" if stopped else "retire it, or register the next one"
            yield Line("key", posture.system.id, key.kid, key.not_after, stopped, do)
    if posture.key_set and posture.key_set.problem:
        do = "let the system mend what it publishes at its jwks_uri, or upload its keys"
        yield Line("key_set", posture.system.id, "jwks_uri", posture.key_set.stale_at, stops, do)


def _others(posture: Posture, stops: tuple[str, ...]) -> Iterator[Line]:
    """A certificate stops a system that is bound by it and by nothing else."""
    ends = [end for end in posture.certificates.values() if end]
    only = {each.method for each in posture.did} & {"dpop", "mtls", "bearer"} == {"mtls"}
    last = max(ends) if only and len(ends) == len(posture.certificates) and ends else None
    for name, end in posture.certificates.items():
        if end:
            do = "register the certificate that follows"
            yield Line("certificate", posture.system.id, name, end, stops if end == last else (), do)
    keyless = not any(key.use == "sig" for key in posture.keys)
    for end in posture.secrets:
        stopped = stops if keyless and end == max(posture.secrets) else ()
        yield Line("client_secret", posture.system.id, "", end, stopped, "make the next secret, or better, a key")


def _members(found: Known) -> Iterator[Line]:
    for member, keys in found.members.items():
        for key in keys:
            if key.not_after:
                do = "register the member's next key: agreements in force stay, new ones need it"
                yield Line("member_key", member, key.kid, key.not_after, (), do)


def _agreements(found: Known, now: datetime) -> Iterator[Line]:
    for each in found.agreements:
        parties = f"{each.consumer.member} from {each.provider.member}"
        stops = (each.name,) if each.standing(now) == "in force" else ()
        if each.valid_until > now:
            yield Line("agreement", parties, each.name, each.valid_until, stops, "sign the next version")
        if each.review_at:
            yield Line("review", parties, each.name, each.review_at, (), "both members look at it again")


def _consents(found: Known) -> Iterator[Line]:
    for controller, (number, first) in found.consents.items():
        resting = tuple(
            sorted(each.name for each in found.agreements if any(controller in base.controllers for base in each.bases))
        )
        do = f"ask these persons again; {', '.join(resting) or 'no agreement'} rests on their consents"
        yield Line("consents", controller, f"{number} consents, the first of them", first, (), do)


def _own(ring: Ring, now: datetime) -> Iterator[Line]:
    """Our own keys do not end; they are due."""
    if any(each.use_from > now for each in ring.keys):
        return
    newest = ring.keys[-1]
    due = newest.use_from + timedelta(days=RENEW[ring.use])
    yield Line("gateway_key", "gateway", f"{ring.use} {newest.key.kid}", due, (), f"sandhi keys rotate {ring.use}")


def _latest(keys: Iterable[Key]) -> Key | None:
    ends = {key.not_after: key for key in keys if key.not_after}
    return ends[max(ends)] if ends else None


def _standing_with(agreements: Iterable[Agreement], system: str, now: datetime) -> tuple[str, ...]:
    sides = ((each, each.consumer.systems | each.provider.systems) for each in agreements)
    return tuple(sorted(each.name for each, systems in sides if system in systems and each.standing(now) == "in force"))
