"""Which signatures make a checkpoint good: C2SP tlog-policy, the format of configuration and of evidence alike.

    log <vkey> [<url>]
    witness <name> <vkey> [<url>]
    group <name> <threshold|any|all> <member>...
    quorum <name|none>

Ten witnesses under one administrator are one witness: put them into one group that counts once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from .cosignature import Cosigned, Witness, cosigned
from .errors import NoteInvalid
from .note import Checkpoint, Verifier

NOBODY = "none"


class Listed(NamedTuple):
    """A witness of a policy and where it listens; no address: it is only checked, never asked."""

    witness: Witness
    url: str


class Group(NamedTuple):
    """How many of these witnesses or groups must agree."""

    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """The logs' keys, the witnesses and groups by the policy's own names, and what the quorum is."""

    logs: tuple[Verifier, ...] = ()
    witnesses: Mapping[str, Listed] = field(default_factory=dict)
    groups: Mapping[str, Group] = field(default_factory=dict)
    quorum: str = NOBODY
    text: str = ""

    @classmethod
    def from_text(cls, text: str) -> "Policy":
        """Read a policy file.

        Raises:
            NoteInvalid: a line cannot be read, or names what no earlier line defines; the text has its number.
        """
        reading = _Reading()
        for number, line in enumerate(text.splitlines(), 1):
            words = line.split()
            if not words or words[0].startswith("#"):
                continue
            try:
                reading.take(words)
            except (NoteInvalid, ValueError, LookupError) as error:
                why = str(error) if isinstance(error, NoteInvalid) else "see C2SP tlog-policy"
                raise NoteInvalid(f"line {number} of the witness policy cannot be used: {why}") from None
        if reading.quorum is None:
            raise NoteInvalid("the witness policy has no quorum line; `quorum none` asks for no witness")
        return cls(tuple(reading.logs), reading.witnesses, reading.groups, reading.quorum, text)

    def check(self, note: bytes) -> tuple[Checkpoint, list[Cosigned]]:
        """Open a checkpoint, demand the quorum; gives who cosigned.

        Raises:
            NoteInvalid: not signed by a log of the policy, a bad signature, or too few witnesses.
        """
        checkpoint = Checkpoint.from_note(note, self.logs)
        found = self.cosigned(note)
        if not self.met(found):
            raise NoteInvalid(f"the checkpoint of size {checkpoint.size} lacks the witnesses that the policy demands")
        return checkpoint, found

    def cosigned(self, note: bytes) -> list[Cosigned]:
        """Which witnesses of the policy cosigned."""
        return cosigned(note, [each.witness for each in self.witnesses.values()])

    def met(self, found: Sequence[Cosigned]) -> bool:
        """Whether these witnesses are a quorum."""
        names = {each.name for each in found}
        return self.quorum == NOBODY or self._agrees(self.quorum, names)

    def _agrees(self, name: str, cosigners: set[str]) -> bool:
        if listed := self.witnesses.get(name):
            return listed.witness.name in cosigners
        group = self.groups[name]
        return sum(self._agrees(member, cosigners) for member in group.members) >= group.threshold


def policy_text(vkeys: Sequence[str], policy: Policy) -> str:
    """A policy file for a verifier: these log keys, and the witnesses and quorum of a gateway's policy."""
    rest = [line for line in policy.text.splitlines() if line.split()[:1] != ["log"]]
    return "\n".join([*(f"log {vkey}" for vkey in vkeys), *(rest or ["quorum none"])]) + "\n"


class _Reading:
    """A policy while it is read; members must stand above the group that names them, so there are no loops."""

    def __init__(self) -> None:
        self.logs: list[Verifier] = []
        self.witnesses: dict[str, Listed] = {}
        self.groups: dict[str, Group] = {}
        self.quorum: str | None = None

    def take(self, words: Sequence[str]) -> None:
        match words:
            case ["log", vkey] | ["log", vkey, _]:
                self.logs.append(Verifier.from_vkey(vkey))
            case ["witness", name, vkey]:
                self._witness(name, Listed(Witness.from_vkey(vkey), ""))
            case ["witness", name, vkey, url]:
                self._witness(name, Listed(Witness.from_vkey(vkey), url.rstrip("/")))
            case ["group", name, threshold, *members] if members:
                self.groups[self._fresh(name)] = self._group(threshold, members)
            case ["quorum", name] if self.quorum is None:
                self.quorum = name if name == NOBODY else self._known(name)
            case _:
                raise NoteInvalid("expected log, witness, group or one quorum")

    def _witness(self, name: str, listed: Listed) -> None:
        keys = {each.witness.public for each in self.witnesses.values()}
        if listed.witness.public in keys:
            raise NoteInvalid("two witnesses with one key are one witness")
        self.witnesses[self._fresh(name)] = listed

    def _group(self, threshold: str, members: Sequence[str]) -> Group:
        if len(set(members)) != len(members):
            raise NoteInvalid("a member of a group is named twice")
        count = {"any": 1, "all": len(members)}.get(threshold) or int(threshold)
        if not 1 <= count <= len(members):
            raise NoteInvalid(f"a group of {len(members)} cannot demand {count}")
        return Group(count, tuple(map(self._known, members)))

    def _known(self, name: str) -> str:
        if name not in self.witnesses and name not in self.groups:
            raise NoteInvalid(f"{name} is not defined above")
        return name

    def _fresh(self, name: str) -> str:
        if name in {NOBODY, *self.witnesses, *self.groups}:
            raise NoteInvalid(f"{name} is defined already")
        return name
