"""The sections of the console: which there are, and for whom. A section without its right is not shown."""

from typing import NamedTuple

import pages

from ..people import SignedIn
from ..people.roles import Right


class Section(NamedTuple):
    """One entry of the menu; `right` None: for everybody who is signed in. `title` is a key of `pages/words`.

    `leads_to`: pages that this one has the links to, so that the menu shows where they belong.
    """

    title: str
    href: str
    right: Right | None = None
    leads_to: tuple[str, ...] = ()


UNDER_REVIEWS = tuple(
    f"/console/{name}"
    for name in (
        "events",
        "reports",
        "samples",
        "statements",
        "drill",
        "emergencies",
        "breaches",
        "access-requests",
    )
)
SECTIONS: tuple[Section, ...] = (
    Section("Overview", "/console"),
    Section("Exchanges", "/console/exchanges", Right.EVIDENCE_READ),
    Section("One person", "/console/person", Right.EVIDENCE_READ),
    Section("Agreements", "/console/agreements", Right.EVIDENCE_READ),
    Section("Findings", "/console/findings", Right.EVIDENCE_READ),
    Section("Reviews", "/console/reviews", Right.EVIDENCE_READ, UNDER_REVIEWS),
    Section("Agency", "/console/agency", Right.AGENCY_RUN),
    Section("Operation", "/console/operation", Right.GATEWAY_RUN, ("/console/drill",)),
    Section("Approvals", "/console/approvals", Right.APPROVALS_READ),
    Section("Officers", "/console/officers", Right.OFFICERS_READ),
)


def menu(who: SignedIn, path: str) -> list[dict[str, object]]:
    """What an officer may open, as the menu's macro takes it."""
    mine = [each for each in SECTIONS if each.right is None or who.giving(each.right)]
    here = max((each.href for each in mine if _leads(path, each)), key=len, default="")
    return [{"text": pages.said(each.title), "href": each.href, "active": each.href == here} for each in mine]


def _leads(path: str, section: Section) -> bool:
    return any(_within(path, each) for each in (section.href, *section.leads_to))


def _within(path: str, section: str) -> bool:
    return path == section or (section != "/console" and path.startswith(f"{section}/"))
