"""How far a token reaches: which part of the API, which services, and for what.

A token can be asked for less than the system may do: for one surface or one service (`resource`, RFC 8707), for
services by scope (`exchange:tax.employment`), or for one purpose and some fields of one service
(`authorization_details`, RFC 9396). It narrows and never grants: what it lets through is decided as any other call.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .errors import CredentialRefused
from .jose import json_value

DETAIL_TYPE = "sp_data_exchange"
MOST_DETAILS = 8
LONGEST_DETAILS = 1500  # bytes; they travel in the token, which travels in a header
SURFACES = ("/v1", "/dci", "/r1", "/xroad", "/im", "/consent", "/log")
SERVICES = "/services/"
EXCHANGE = "exchange"
SERVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}(?:/[A-Za-z0-9_-]{1,40})?", re.ASCII)
WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/-]{0,79}", re.ASCII)
WANTED = (
    f"Send authorization_details as 1 to {MOST_DETAILS} objects of type {DETAIL_TYPE}, in {LONGEST_DETAILS} bytes, "
    "each with service and purpose, within an agreement in force; actions, attributes, agreement, agreement_version "
    "and case_ref narrow it further."
)
MEMBERS = {"type", "service", "purpose", "actions", "attributes", "agreement", "agreement_version", "case_ref"}


@dataclass(frozen=True, slots=True)
class Detail:
    """One element of `authorization_details`. No attributes: every field; no agreement: whichever is in force."""

    service: str
    purpose: str
    actions: frozenset[str] = frozenset({"read"})
    attributes: frozenset[str] = frozenset()
    agreement: str = ""
    agreement_version: int = 0
    case: str = ""

    def covers(self, asked: "Wish") -> bool:
        """Whether the question lies within."""
        return (
            asked.service == self.service
            and asked.purpose == self.purpose
            and asked.action in self.actions
            and (not self.attributes or asked.fields <= self.attributes)
            and self.case in {"", asked.case}
        )

    def document(self) -> dict[str, object]:
        """As JSON: the same members in the token, in its response and in introspection."""
        optional = {
            "attributes": sorted(self.attributes),
            "agreement": self.agreement,
            "agreement_version": self.agreement_version,
            "case_ref": self.case,
        }
        required = {"type": DETAIL_TYPE, "service": self.service, "purpose": self.purpose}
        return required | {"actions": sorted(self.actions)} | {name: each for name, each in optional.items() if each}


@dataclass(frozen=True, slots=True)
class Wish:
    """What a call asks for, as far as a token can narrow it."""

    service: str
    purpose: str
    action: str
    fields: frozenset[str]
    case: str


@dataclass(frozen=True, slots=True)
class Reach:
    """All of it must hold. `path`: prefix of the call's path, empty: any; `services` None: any; no details: any."""

    path: str = ""
    services: frozenset[str] | None = None
    details: tuple[Detail, ...] = ()

    @property
    def is_narrow(self) -> bool:
        """Whether more than the path counts: then only calls whose content is held against it may pass."""
        return self.services is not None or bool(self.details)

    def has(self, path: str) -> bool:
        """Whether the token is for this path."""
        return not self.path or path == self.path or path.startswith(f"{self.path}/")

    def covers(self, wish: Wish) -> bool:
        """Whether the token is for this question."""
        if self.services is not None and wish.service not in self.services:
            return False
        return not self.details or any(each.covers(wish) for each in self.details)


def reach_of(audience: str, issuer: str, scopes: Iterable[str], details: tuple[Detail, ...]) -> Reach:
    """Join what a token's audience, scopes and details say.

    Raises:
        CredentialRefused: the audience is not our API.
    """
    path, service = part_of(audience, issuer)
    services = {each.partition(":")[2] for each in scopes if each.startswith(f"{EXCHANGE}:")}
    by_scope = frozenset(services) if services and EXCHANGE not in scopes else None
    by_audience = frozenset({service}) if service else None
    both = by_scope & by_audience if by_scope is not None and by_audience is not None else by_scope or by_audience
    return Reach(path, both, details)


def within(asked: frozenset[str], registered: frozenset[str]) -> frozenset[str]:
    """The scopes of `asked` that a system with the `registered` ones has; `exchange` holds every `exchange:service`."""
    held = EXCHANGE in registered
    return frozenset(each for each in asked if each in registered or (held and _names_service(each)))


def _names_service(scope: str) -> bool:
    verb, _, service = scope.partition(":")
    return verb == EXCHANGE and SERVICE.fullmatch(service) is not None


def part_of(audience: str, issuer: str) -> tuple[str, str]:
    """(path prefix, service) of an audience: `https://g/v1`, `https://g/services/tax.employment`, or all of it.

    Raises:
        CredentialRefused: not this gateway's API.
    """
    if audience == issuer:
        return "", ""
    rest = audience[len(issuer) :] if audience.startswith(f"{issuer}/") else ""
    if rest in SURFACES:
        return rest, ""
    service = rest.removeprefix(SERVICES)
    if service != rest and SERVICE.fullmatch(service):
        return "", service
    raise CredentialRefused("token_audience")


def details_of(text: str) -> tuple[Detail, ...]:
    """The `authorization_details` parameter.

    Raises:
        CredentialRefused: too long, not strict JSON, or not a list of details as they are offered.
    """
    raw = text.encode()
    if len(raw) > LONGEST_DETAILS:
        raise CredentialRefused("details")
    return read_details(json_value(raw))


def read_details(value: object) -> tuple[Detail, ...]:
    """From JSON. Raises CredentialRefused."""
    if not isinstance(value, list) or not 1 <= len(value) <= MOST_DETAILS:
        raise CredentialRefused("details")
    return tuple(_detail(each) for each in value)


def _detail(value: object) -> Detail:
    if not isinstance(value, Mapping) or value.get("type") != DETAIL_TYPE or not value.keys() <= MEMBERS:
        raise CredentialRefused("details")
    version = value.get("agreement_version", 0)
    if type(version) is not int or not 0 <= version < 1 << 31:
        raise CredentialRefused("details")
    return Detail(
        _word(value.get("service"), SERVICE),
        _word(value.get("purpose"), WORD),
        _words(value.get("actions", ["read"]), least=1),
        _words(value.get("attributes", []), least=0),
        _word(value["agreement"], WORD) if "agreement" in value else "",
        version,
        _word(value["case_ref"], WORD) if "case_ref" in value else "",
    )


def _words(value: object, *, least: int) -> frozenset[str]:
    if not isinstance(value, list) or not least <= len(value) <= 64:
        raise CredentialRefused("details")
    return frozenset(_word(each, WORD) for each in value)


def _word(value: object, shape: re.Pattern[str]) -> str:
    if not isinstance(value, str) or not shape.fullmatch(value):
        raise CredentialRefused("details")
    return value
