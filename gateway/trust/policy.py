"""What is agreed with one system about how it presents itself: the strict default, and the exceptions it was given.

Kept as one JSON document beside the system. Everything here is raised by default and lowered only on purpose, per
partner, by a logged change; the posture page shows who has which exception.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

from .errors import RegistrationRefused

DIALECTS = frozenset({"dci-jws", "dci-params", "jws-body", "jws-header", "rfc9421", "none"})
BEYOND = frozenset({"RS256"})  # what a partner's dialect may be allowed beyond our own algorithms
THUMBPRINT = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
INTERFACES = frozenset({"", "SR", "ESS", "CRVS", "IBR", "DR", "FR"})
PREFIX = re.compile(r"(?:/[A-Za-z0-9._-]{1,60}){0,4}", re.ASCII)
RENAMED = re.compile(r"(?:reg_type|record_type|event_type|attribute|id_type):[!-<>-~]{1,120}=[!-<>-~]{1,120}", re.ASCII)
PURPOSE = re.compile(r"[a-z0-9][a-z0-9.-]{0,79}", re.ASCII)
KEYS_URL = re.compile(r"https?://[A-Za-z0-9._:\[\]-]+/[!-~]{0,400}", re.ASCII)
LONGEST_WINDOW = 3600
WEAKER_WHEN_TRUE = ("client_secret", "bearer", "signature.tolerant", "dci.tolerant")
STRONGER_WHEN_TRUE = ("signature.required", "encryption.outgoing", "encryption.required")

Part = TypeVar("Part")


@dataclass(frozen=True, slots=True)
class SignaturePolicy:
    """How the system's messages are signed, and ours to it.

    Attributes:
        dialect: one of `DIALECTS`, each a file in `trust/dialects/`.
        required: an unsigned message is refused.
        tolerant: coercions that the dialect lists are accepted and recorded; never emitted.
        window_s: how far a message's own time may be from now, in seconds.
        algorithms: what the partner's dialect may use beyond EdDSA, ES256 and PS256 (`RS256`); empty: none.
    """

    dialect: str = "dci-jws"
    required: bool = True
    tolerant: bool = False
    window_s: int = 300
    algorithms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EncryptionPolicy:
    """Whether messages to and from the system are encrypted (DCI EncryptedMessage, JWE). `required` counts inwards."""

    outgoing: bool = False
    required: bool = False


@dataclass(frozen=True, slots=True)
class DciPolicy:
    """How the system speaks DCI.

    Attributes:
        interface: whose published file its messages follow: SR, ESS, CRVS, IBR, DR or FR; empty: by what they ask for.
        tolerant: what `edges.dci.tolerance` lists is put right and recorded; never emitted.
        prefix: what stands before its paths here, beside `/registry`: `/sr`, `/crvs/registry`; empty: nothing else.
        names: its words for ours, `kind:theirs=ours` with kind reg_type, record_type, event_type, attribute or id_type;
            both ways: `event_type:LiveBirth=live_birth`.
        purpose: what a message is for that names no purpose; empty: such a message is refused.
    """

    interface: str = ""
    tolerant: bool = False
    prefix: str = ""
    names: tuple[str, ...] = ()
    purpose: str = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much the system may ask: calls per second (sustained and burst) and calls at once. 0: the setting's value."""

    per_second: float = 0.0
    burst: int = 0
    concurrent: int = 0


@dataclass(frozen=True, slots=True)
class Policy:
    """All of it.

    Attributes:
        certificates: `x5t#S256` thumbprints (RFC 8705 section 3.1) of the client certificates the system may present.
        client_secret: the system may authenticate by a client secret (off by default).
        bearer: the system may use unbound tokens (off by default).
        jwks_uri: where its keys are fetched from, instead of being uploaded; empty: uploaded.
    """

    certificates: tuple[str, ...] = ()
    client_secret: bool = False
    bearer: bool = False
    jwks_uri: str = ""
    signature: SignaturePolicy = field(default_factory=SignaturePolicy)
    encryption: EncryptionPolicy = field(default_factory=EncryptionPolicy)
    limits: Limits = field(default_factory=Limits)
    dci: DciPolicy = field(default_factory=DciPolicy)

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> "Policy":
        """From JSON; members that are absent have their default.

        Raises:
            RegistrationRefused: a member is unknown, of the wrong kind or out of its range; the text names it.
        """
        policy = _part(cls, document, "")
        _check(policy)
        return policy

    def exceptions(self) -> tuple[str, ...]:
        """In which ways it is weaker than the strict default."""
        return tuple(sorted(compared(Policy(), self).lowered))


@dataclass(frozen=True, slots=True)
class Compared:
    """What a change of policy does, one line a member: `signature.window_s 300 -> 60`."""

    raised: tuple[str, ...] = ()
    lowered: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()  # neither stronger nor weaker, or not to be said which


def compared(before: Policy, after: Policy) -> Compared:
    """What is stronger, weaker or just different afterwards. Addresses are named, not told."""
    told: dict[str, list[str]] = {"raised": [], "lowered": [], "changed": []}
    old, new = _flat(before.document()), _flat(after.document())
    for name in old:
        if old[name] != new[name]:
            told[_direction(name, old[name], new[name])].append(_line(name, old[name], new[name]))
    return Compared(**{kind: tuple(lines) for kind, lines in told.items()})


def _direction(name: str, old: Any, new: Any) -> str:
    weaker: bool | None = None
    if name in WEAKER_WHEN_TRUE:
        weaker = new
    elif name in STRONGER_WHEN_TRUE:
        weaker = not new
    elif name == "signature.window_s":
        weaker = new > old
    elif name == "signature.dialect" and "none" in {old, new}:
        weaker = new == "none"
    elif name == "certificates" and not (old and new):
        weaker = not new
    elif name == "signature.algorithms":
        weaker = True if set(new) > set(old) else False if set(new) < set(old) else None
    return "changed" if weaker is None else "lowered" if weaker else "raised"


def _line(name: str, old: Any, new: Any) -> str:
    if name == "jwks_uri":
        return f"{name} {'set' if old else 'unset'} -> {'set' if new else 'unset'}"
    return f"{name} {_value(old)} -> {_value(new)}"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return (", ".join(value) or "none") if isinstance(value, list | tuple) else str(value)


def _flat(document: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in document.items():
        flat |= _flat(value, f"{before}{name}.") if isinstance(value, Mapping) else {f"{before}{name}": value}
    return flat


def _part(kind: type[Part], document: object, place: str) -> Part:
    """A dataclass of this module from its JSON object, every member of its default's own type."""
    if not isinstance(document, Mapping):
        raise RegistrationRefused(f"{place.rstrip('.') or 'the policy'} is a JSON object")
    plain = kind()
    known = {name: getattr(plain, name) for name in kind.__annotations__}
    if unknown := sorted(map(str, document.keys() - known.keys())):
        raise RegistrationRefused(f"the policy has no member {place}{unknown[0][:40]}")
    return kind(**{name: _member(known[name], value, f"{place}{name}") for name, value in document.items()})


KIND_NAMES = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}


def _member(default: Any, value: Any, place: str) -> Any:
    if isinstance(default, SignaturePolicy | EncryptionPolicy | Limits | DciPolicy):
        return _part(type(default), value, f"{place}.")
    if isinstance(default, tuple):
        if not isinstance(value, list | tuple) or not all(isinstance(each, str) for each in value):
            raise RegistrationRefused(f"{place} is a list of texts")
        return tuple(value)
    if isinstance(default, float) and type(value) in {int, float}:
        return float(value)
    if type(value) is not type(default):
        raise RegistrationRefused(f"{place} is {KIND_NAMES[type(default)]}")
    return value


def _check(policy: Policy) -> None:
    signature, limits = policy.signature, policy.limits
    if signature.dialect not in DIALECTS:
        raise RegistrationRefused(f"the dialect is one of {', '.join(sorted(DIALECTS))}")
    if signature.dialect == "none" and signature.required:
        raise RegistrationRefused("dialect none needs signature.required false as well: unsigned is said twice")
    if not 1 <= signature.window_s <= LONGEST_WINDOW:
        raise RegistrationRefused(f"signature.window_s is 1 to {LONGEST_WINDOW} seconds")
    if not set(signature.algorithms) <= BEYOND:
        raise RegistrationRefused(
            f"signature.algorithms may name {', '.join(sorted(BEYOND))}; the others need no naming"
        )
    if not all(map(THUMBPRINT.fullmatch, policy.certificates)) or len(policy.certificates) > 8:
        raise RegistrationRefused("certificates are up to 8 x5t#S256 thumbprints of 43 base64url characters")
    if policy.jwks_uri and not KEYS_URL.fullmatch(policy.jwks_uri):
        raise RegistrationRefused("jwks_uri is an https address with a path")
    if not (0 <= limits.per_second <= 1e6 and 0 <= limits.burst <= 10**6 and 0 <= limits.concurrent <= 10**5):
        raise RegistrationRefused("limits are not negative, and at most 1000000 calls a second and 100000 at once")
    _check_dci(policy.dci)


def _check_dci(dci: DciPolicy) -> None:
    if dci.interface not in INTERFACES:
        raise RegistrationRefused(f"dci.interface is empty or one of {', '.join(sorted(INTERFACES - {''}))}")
    if not PREFIX.fullmatch(dci.prefix):
        raise RegistrationRefused("dci.prefix is empty, or a path of up to four parts like /sr/registry")
    if len(dci.names) > 200 or not all(map(RENAMED.fullmatch, dci.names)):
        raise RegistrationRefused(
            "dci.names are up to 200 texts kind:theirs=ours; the kinds are reg_type, record_type, event_type, "
            "attribute and id_type"
        )
    if dci.purpose and not PURPOSE.fullmatch(dci.purpose):
        raise RegistrationRefused("dci.purpose is the code of a purpose, like employment-support.eligibility")
