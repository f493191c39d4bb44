"""The country profile: what differs from country to country, read from one folder (`profiles/lk`)."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import profiles
from consent.authority import GiverRule, giver_rules
from consent.errors import ConsentError


class ProfileError(Exception):
    """The profile cannot be used; the text names the file and what is wrong."""


@dataclass(frozen=True, slots=True)
class Profile:
    """One country. `patterns` say what each identifier looks like; `providers` map an adapter to its system."""

    country: str
    zone: ZoneInfo
    gateway: str
    person_key: str
    patterns: Mapping[str, re.Pattern[str]]
    recognisable: frozenset[str]  # identifier types whose form alone gives a number away
    providers: Mapping[str, str]
    purposes: Mapping[str, str]
    dci_schemas: Mapping[str, str]
    folder: Path
    raw: Mapping[str, Any]  # the file as read, for what needs more of it (`trust.person`)
    givers: Mapping[str, GiverRule] = field(default_factory=dict)  # purpose -> who may consent for whom
    purpose_terms: Mapping[str, str] = field(default_factory=dict)  # purpose -> term of the W3C DPV
    authority: str = ""  # whom people complain to
    numbers: Mapping[str, str] = field(default_factory=dict)  # kind of number that a person has -> what it is called

    def today(self, now: datetime) -> date:
        """The calendar day in the country at this moment."""
        return now.astimezone(self.zone).date()


def load_profile(name: str) -> Profile:
    """Read a profile by its name, or by the path of its folder.

    Raises:
        ProfileError: no such folder, or the file lacks a member.
    """
    folder = Path(name) if "/" in name else Path(profiles.__file__).parent / name
    path = folder / "profile.toml"
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
        return Profile(
            country=found["country"],
            zone=ZoneInfo(found["timezone"]),
            gateway=found["gateway"],
            person_key=found["person_key"],
            patterns={kind: re.compile(each["pattern"], re.ASCII) for kind, each in found["identifier"].items()},
            recognisable=frozenset(
                kind for kind, each in found["identifier"].items() if each.get("recognisable", True)
            ),
            providers=found["providers"],
            purposes={code: each["name"] for code, each in found["purpose"].items()},
            dci_schemas=found.get("dci_schema", {}),
            folder=folder,
            raw=found,
            givers=giver_rules(found.get("consent", {}).get("giver", {})),
            purpose_terms={code: each["term"] for code, each in found["purpose"].items() if "term" in each},
            authority=found.get("consent", {}).get("authority", ""),
            numbers={
                kind: each.get("name", kind)
                for kind, each in found["identifier"].items()
                if not each.get("of_a_thing", False)
            },
        )
    except (OSError, KeyError, ValueError, ConsentError) as error:
        raise ProfileError(f"{path.name} of profile {name!r} cannot be used: {type(error).__name__} {error}") from error
