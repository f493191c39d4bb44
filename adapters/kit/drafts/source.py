"""What an agency's own document says of its answer, whatever its notation: values by place, and how to ask."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

MOST_TOLD = 500  # values of one answer that are looked at

_SPECIAL = re.compile(
    r"health|medic|diagnos|disab|religio|ethnic|race|politic|union|crimin|convict|offen[cs]e|sexual|genetic|biometr|"
    r"tervis|puue|puude|karist|usutunnist",
    re.IGNORECASE,
)
_OPEN = re.compile(r"^(status|result|code|kood|version|count|total|page|currency|timestamp)$", re.IGNORECASE)


class DraftRefused(Exception):
    """Nothing can be drafted from this; the text says what was found and what to bring instead."""


@dataclass(frozen=True, slots=True)
class Told:
    """One value of an agency's answer.

    `kind`: text, date, month, integer, decimal, boolean, yes_no, null, or a notation of a day or month. `pointer`
    leaves out places in lists; `lists` are the pointers of those around it. `choices`: the codes that may stand there,
    as far as they are told; `notation`: of a day or month, where the document says it in words.
    """

    pointer: str
    kind: str
    optional: bool = False
    caption: str = ""
    lists: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    notation: str = ""

    @property
    def name(self) -> str:
        """The last word of the pointer."""
        return self.pointer.rpartition("/")[2]

    @property
    def sensitivity(self) -> str:
        """A guess by words: `special` (health, belief, crime...), `open` (the answer's own state), else `personal`."""
        if _SPECIAL.search(f"{self.pointer} {self.caption}"):
            return "special"
        return "open" if _OPEN.match(self.name) else "personal"


@dataclass(frozen=True, slots=True)
class Source:
    """All that one document says of one question.

    Attributes:
        transport: `rest` or `soap`.
        operation: what it is called there, for people.
        service: further lines of the service's table, as TOML values by key.
        asked: member or path of the request -> its caption; what it carries is guessed.
        settings: further lines of [settings], as TOML values by key.
        files: what else belongs into the folder.
        answer: an answer for the first golden sample, in the agency's notation.
        broken: the same, not as the agency's own document wants it.
        unknown: the same about somebody whom the agency does not know; empty where nobody brought one.
        told_of_nobody: the values in that one.
        auth: lines of [auth] by key, where the document says how to sign in; secrets named without the adapter's id.
        about: what the document says in words: `title` of the agency, `summary` of the question, `address`: where it
            is, and `unknown`: of an answer with the status 404.
    """

    transport: str
    operation: str
    told: tuple[Told, ...]
    service: Mapping[str, str] = field(default_factory=dict)
    asked: Mapping[str, Told] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)
    answer: str = ""
    broken: str = ""
    unknown: str = ""
    told_of_nobody: tuple[Told, ...] = ()
    auth: Mapping[str, str] = field(default_factory=dict)
    about: Mapping[str, str] = field(default_factory=dict)
