"""The pseudonym under which consents, objections and the log's search know a person.

A keyed hash of the country's person key in its one normal form, so that the old and the new number of one person
give one pseudonym, and nobody without the pepper can try all numbers. Which identifier is the key and how it is
rewritten is the country profile's: `person_key = "NIC"` and `[identifier.NIC] rewrite = [{pattern, replace}]`.
"""

import hmac
import re
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from .errors import NoIdentifier


class Numbered(Protocol):
    """One identifier of a subject."""

    @property
    def type(self) -> str: ...
    @property
    def value(self) -> str: ...


class Subject(Protocol):
    """Whoever has identifiers, e.g. `adapters.kit.contract.Subject`."""

    @property
    def identifiers(self) -> Sequence[Numbered]: ...


class PersonRef:
    """Callable: subject in, pseudonym out. About 3 µs a person."""

    def __init__(self, profile: Mapping[str, Any], pepper: bytes) -> None:
        """
        Args:
            profile: the country profile as read from its TOML file.
            pepper: 32 random bytes that never change and never enter the database.
        """
        self._key = str(profile["person_key"])
        self._keyed = hmac.new(pepper, digestmod="sha256")  # copied for each text: setting the key costs most
        self._case_key = hmac.digest(pepper, b"case reference", "sha256")
        self._rewrites = {
            kind: [(re.compile(rule["pattern"], re.ASCII), str(rule["replace"])) for rule in table.get("rewrite", ())]
            for kind, table in profile.get("identifier", {}).items()
        }

    def __call__(self, subject: Subject) -> str:
        """64 hexadecimal digits: stable for one person, meaningless without the pepper.

        The person key decides when the caller sent it; otherwise the first identifier, together with its type.

        Raises:
            NoIdentifier: the subject has none.
        """
        chosen = next((each for each in subject.identifiers if each.type == self._key), None)
        chosen = chosen or next(iter(subject.identifiers), None)
        if chosen is None or not chosen.value.strip():
            raise NoIdentifier("The subject needs at least one identifier.")
        return self._hash(f"{chosen.type}\x00{self.normal(chosen.type, chosen.value)}")

    def number_ref(self, identifier: Numbered) -> str:
        """32 hexadecimal digits for one number and its type; never equal to a part of anybody's pseudonym."""
        normal = self.normal(identifier.type, identifier.value)
        return self._hash(f"\x00number\x00{identifier.type}\x00{normal}")[:32]  # no type begins with NUL

    def numbers(self, subject: Subject) -> frozenset[str]:
        """`number_ref` of each identifier."""
        return frozenset(map(self.number_ref, subject.identifiers))

    def unbound(self, subject: Subject) -> frozenset[str]:
        """`number_ref` of each identifier but the person key: nothing in the pseudonym says whose these are."""
        key = next((each for each in subject.identifiers if each.type == self._key), None)
        others = [each for each in subject.identifiers if each is not key]
        refs = frozenset(map(self.number_ref, others))
        if key and any(each.type == self._key for each in others):
            return refs - {self.number_ref(key)}  # the same number once more
        return refs

    def _hash(self, text: str) -> str:
        hashed = self._keyed.copy()
        hashed.update(text.encode("utf-8", "surrogatepass"))
        return hashed.hexdigest()

    def case_ref(self, case: str) -> str:
        """How the log knows a case of the callers: 32 hexadecimal digits, the same for the same reference.

        A reference is the caller's own text and may be built from a person's number; the log can never forget it.
        Search by a case asks for the hash of its reference.
        """
        return hmac.digest(self._case_key, case.encode("utf-8", "surrogatepass"), "sha256").hex()[:32]

    def normal(self, kind: str, value: str) -> str:
        """The one spelling of an identifier: no spaces, capitals, then the profile's first matching rewrite."""
        plain = "".join(value.split()).upper()
        for pattern, replace in self._rewrites.get(kind, ()):
            if match := pattern.fullmatch(plain):
                return match.expand(replace)
        return plain
