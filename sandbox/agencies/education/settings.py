"""Address and partners of the education register."""

from collections.abc import Container
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EducationSettings:
    """`client` and `service` are X-Road identifiers in path spelling; only that client is served.

    There is no credential: a client authenticates to its own security server by TLS certificate, and that server
    is not simulated. `locked` are learner numbers whose data may not be released.
    """

    url: str
    client: str = "LK/GOV/SANDHI/GATEWAY"
    service: str = "LK/GOV/MOE/EHIS"
    locked: Container[str] = frozenset()

    def exported(self) -> dict[str, str]:
        """What the client is given, by the names of the sandbox settings file."""
        return {"EDUCATION_URL": self.url, "EDUCATION_CLIENT": self.client, "EDUCATION_SERVICE": self.service}


def make_settings(base_url: str, *, locked: Container[str] = frozenset()) -> EducationSettings:
    """`base_url` is where the agency is mounted; its one endpoint is the root, with the slash."""
    return EducationSettings(f"{base_url.rstrip('/')}/", locked=locked)
