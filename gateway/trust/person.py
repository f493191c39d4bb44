"""The pseudonym under which consents, objections and the log's search know a person.

A keyed hash of the country's person key in its one normal form, so that the old and the new number of one person
give one pseudonym, and nobody without the pepper can try all numbers. Which identifier is the key and how it is
rewritten is the country profile's: `person_key = "NIC"` and `[identifier.NIC] rewrite = [{pattern, replace}]`.
"""

import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Protocol
from unicodedata import normalize

from .errors import NoIdentifier

INVISIBLE = str.maketrans("", "", "\u200b\u200c\u200d\ufeff")  # joiners of Sinhala and Tamil: typed or left out


class Numbered(Protocol):
    """One identifier of a subject."""

    @property
    def type(self) -> str: ...
    @property
    def value(self) -> str: ...


class Named(Protocol):
    """One spelling of a name."""

    @property
    def value(self) -> str: ...


class Subject(Protocol):
    """Whoever has identifiers, e.g. `adapters.kit.contract.Subject`."""

    @property
    def identifiers(self) -> Sequence[Numbered]: ...
    @property
    def names(self) -> Sequence[Named]: ...
    @property
    def birth_date(self) -> date | None: ...


class PersonRef:
    """Callable: subject in, pseudonym out. About 3 µs a person."""

    def __init__(self, profile: Mapping[str, Any], pepper: bytes) -> None:
        """
        Args:
            profile: the country profile as read from its TOML file.
            pepper: 32 random bytes that never change and never enter the database.
        """
        self.key = str(profile["person_key"])
        """The type of identifier that tells people apart."""
        self._keyed = hmac.new(pepper, digestmod="sha256")  # copied for each text: setting the key costs most
        self._case_key = hmac.digest(pepper, b"case reference", "sha256")
        self._officer_key = hmac.digest(pepper, b"officer reference", "sha256")
        self._line_key = hmac.digest(pepper, b"imported line", "sha256")
        self._rewrites = {
            kind: [(re.compile(rule["pattern"], re.ASCII), str(rule["replace"])) for rule in table.get("rewrite", ())]
            for kind, table in profile.get("identifier", {}).items()
        }
        self._of_things = {kind for kind, table in profile.get("identifier", {}).items() if table.get("of_a_thing")}

    def __call__(self, subject: Subject) -> str:
        """64 hexadecimal digits: stable for one person, meaningless without the pepper.

        The person key decides when the caller sent it; otherwise the first identifier, together with its type.

        Raises:
            NoIdentifier: the subject has none.
        """
        chosen = next((each for each in subject.identifiers if each.type == self.key), None)
        chosen = chosen or next(iter(subject.identifiers), None)
        if chosen is None or not chosen.value.strip():
            raise NoIdentifier("The subject needs at least one identifier.")
        return self._hash(f"{chosen.type}\x00{self.normal(chosen.type, chosen.value)}")

    def number_ref(self, identifier: Numbered) -> str:
        """32 hexadecimal digits for one number and its type; never equal to a part of anybody's pseudonym."""
        normal = self.normal(identifier.type, identifier.value)
        return self._hash(f"\x00number\x00{identifier.type}\x00{normal}")[:32]  # no type begins with NUL

    def numbers(self, subject: Subject, *, found_by_name: bool = True) -> frozenset[str]:
        """What a person is found by: `number_ref` of each identifier, and of each name together with the birth date.

        A birth date with a name finds a person as a number does (decision record 0076); either alone finds nobody.

        Args:
            found_by_name: False where names and a birth date are only told, and nobody looks for a person by them.
        """
        return frozenset(map(self.number_ref, subject.identifiers)) | self._born(subject, found_by_name)

    def unbound(self, subject: Subject, *, found_by_name: bool = True) -> frozenset[str]:
        """`numbers` without the person key: nothing in the pseudonym says whose these are.

        A number of a thing (a report, a payment under its payer's own reference) is nobody's, so nobody vouches for it;
        see `things`.
        """
        if len(subject.identifiers) == 1 and subject.identifiers[0].type == self.key and not subject.names:
            return frozenset()
        key = next((each for each in subject.identifiers if each.type == self.key), None)
        others = [each for each in subject.identifiers if each is not key and each.type not in self._of_things]
        refs = frozenset(map(self.number_ref, others))
        if key and any(each.type == self.key for each in others):
            refs -= {self.number_ref(key)}  # the same number once more
        return refs | self._born(subject, found_by_name)

    def things(self, subject: Subject) -> frozenset[str]:
        """`number_ref` of each number that names no person: only a consent has to hold these (decision record 0066)."""
        return frozenset(self.number_ref(each) for each in subject.identifiers if each.type in self._of_things)

    def of_a_thing(self, subject: Subject) -> bool:
        """Whether it is about no person at all: the number of a report, and nothing beside it."""
        known = {each.type for each in subject.identifiers}
        return bool(known) and known <= self._of_things and not subject.names and not subject.birth_date

    def _born(self, subject: Subject, found_by_name: bool) -> frozenset[str]:
        """32 hexadecimal digits for each name with the birth date; none unless both are there."""
        if not found_by_name or subject.birth_date is None or not subject.names:
            return frozenset()
        born = f"\x00born\x00{subject.birth_date.isoformat()}\x00"
        return frozenset(self._hash(born + _plain(each.value))[:32] for each in subject.names)

    def _hash(self, text: str) -> str:
        hashed = self._keyed.copy()
        hashed.update(text.encode("utf-8", "surrogatepass"))
        return hashed.hexdigest()

    def line_ref(self, line: bytes) -> str:
        """An imported line about a person, as an entry may name it: without a key, whoever reads the log could try."""
        return hmac.digest(self._line_key, line, "sha256").hex()

    def case_ref(self, case: str) -> str:
        """How the log knows a case of the callers: 32 hexadecimal digits, the same for the same reference.

        A reference is the caller's own text and may be built from a person's number; the log can never forget it.
        Search by a case asks for the hash of its reference.
        """
        return hmac.digest(self._case_key, case.encode("utf-8", "surrogatepass"), "sha256").hex()[:32]

    def officer_ref(self, officer: str) -> str:
        """How the log knows who asked within a consumer: 32 hexadecimal digits, the same for the same name.

        The name is the consumer's own for somebody who works there; search by an officer asks for the hash of it.
        """
        return hmac.digest(self._officer_key, officer.encode("utf-8", "surrogatepass"), "sha256").hex()[:32]

    def normal(self, kind: str, value: str) -> str:
        """The one spelling of an identifier: no spaces, capitals, then the profile's first matching rewrite."""
        plain = "".join(value.split()).upper()
        for pattern, replace in self._rewrites.get(kind, ()):
            if match := pattern.fullmatch(plain):
                return match.expand(replace)
        return plain


def _plain(name: str) -> str:
    """One spelling of a name however it was typed: capitals, spaces, and code points of the same letters."""
    return " ".join(normalize("NFKC", name.translate(INVISIBLE)).casefold().split())
