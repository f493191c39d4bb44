"""X-Road identifiers: `instance/class/member/subsystem[/service]`, each part percent-encoded by itself.

Source: PR-REST section 4.2 and 4.3; the code of the reference implementation takes five parts, the last is the service.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from .codes import BAD_REQUEST, XRoadError

PART = re.compile(r"[A-Za-z0-9'()+,.=?_-]{1,128}", re.ASCII)
"""What X-Road allows in an identifier since 7.x, and the underscore, which our own ids have."""
PARTS = ("xRoadInstance", "memberClass", "memberCode", "subsystemCode")
SERVICE_VERSION = "v1"


@dataclass(frozen=True, slots=True)
class Provider:
    """A subsystem, or what a path claims to be one. `id` is our spelling of it, `LK/GOV/EPF/MEMBERS`."""

    parts: tuple[str, str, str, str]

    @property
    def id(self) -> str:
        """As the register has it."""
        return "/".join(self.parts)

    def named(self, names: Sequence[str]) -> Mapping[str, str]:
        """The parts under these four names, for the JSON of metadata services."""
        return dict(zip(names, self.parts, strict=True))


def provider_of(system: str) -> Provider:
    """From an id of the register."""
    first, second, third, fourth = system.split("/")
    return Provider((first, second, third, fourth))


def segment(raw: str) -> str:
    """One part of a path or of a header, decoded.

    Raises:
        XRoadError: not UTF-8, empty, or with a character that no identifier has.
    """
    try:
        found = unquote_to_bytes(raw).decode("utf-8")
    except UnicodeDecodeError:
        raise XRoadError(BAD_REQUEST, "An identifier is not percent-encoded UTF-8.") from None
    if not PART.fullmatch(found):
        raise XRoadError(BAD_REQUEST, "An identifier is empty, too long, or has a character that none may have.")
    return found


def client_of(value: str) -> str:
    """The system that `X-Road-Client` names.

    Raises:
        XRoadError: not four parts. A member without a subsystem calls nobody here: keys belong to systems.
    """
    parts = value.split("/")
    if len(parts) != len(PARTS):
        raise XRoadError(BAD_REQUEST, "The client is instance/class/member/subsystem, as it is registered here.")
    return "/".join(map(segment, parts))
