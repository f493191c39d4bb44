"""What is tested, and as whom: everything the suite knows about a server."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

SCHEMA = Path(__file__).parents[3] / "schemas" / "dci" / "ess.json"


class Number(NamedTuple):
    """An identifier of a person, e.g. `UIN:198512304567`."""

    kind: str
    value: str

    @classmethod
    def read(cls, text: str) -> "Number":
        """Raises ValueError: not `TYPE:VALUE`."""
        kind, colon, value = text.partition(":")
        if not (kind and colon and value):
            raise ValueError("write it TYPE:VALUE, e.g. UIN:198512304567")
        return cls(kind, value)


@dataclass(frozen=True, slots=True)
class Target:
    """A server, and one partner that is registered there.

    Attributes:
        url: what stands in front of the operations, e.g. `https://ess.example/registry`.
        jwks_url: the server's published keys; replies are not checked for their signature without it.
        token: a bearer token; or `token_url` with `client_id` and `client_secret` to get one.
        key: the partner's private JWK, with `kid` and `alg`; messages go unsigned without it.
        known: somebody enrolled there; `unknown`: a number of the right form that nobody there has.
        criteria: members that every `search_criteria` and `subscribe_criteria` carries, e.g. `authorize`.
        notice: `reg_records` of a notify that the server must take; only its shape is looked at without it.
        sender_uri: the partner's registered address, where callbacks arrive.
        required: operations that must be there; a missing one is a failure.
        skew_s: by how many seconds `message_ts` may be off here.
    """

    url: str
    sender_id: str
    receiver_id: str
    reg_type: str = "ns:org:RegistryType:ESS"
    record_type: str = "Member"
    event_type: str = "enrolment"
    jwks_url: str = ""
    token: str = ""
    token_url: str = ""
    client_id: str = ""
    client_secret: str = ""
    key: Mapping[str, str] | None = None
    dialect: str = "dci-jws"
    known: Number | None = None
    unknown: Number | None = None
    criteria: Mapping[str, Any] = field(default_factory=dict)
    notice: Mapping[str, Any] | None = None
    sender_uri: str = ""
    required: frozenset[str] = frozenset()
    skew_s: float = 300.0
    schema: Path = SCHEMA

    @property
    def operations(self) -> Mapping[str, Any]:
        """Path of the published interface -> its action, request and response schemas."""
        return _operations(self.schema)


@cache
def _operations(path: Path) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(path.read_text("utf-8"))["operations"]
    return found
