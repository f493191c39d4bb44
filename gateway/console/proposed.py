"""What a proposal would change, as lines that a person reads: what, as it is now, as it would be."""

from collections.abc import Mapping
from typing import Any

import pages
from consent.amendment import difference
from consent.sentences import in_words
from consent.store import list_agreements
from pages.moments import day

from ..edges.v1 import approvals
from ..people import Right, SignedIn, membership
from ..people.roles import ROLES
from ..registration import releasing
from ..trust.errors import RegistrationRefused
from ..trust.policy import Policy
from ..trust.register import System
from ..wiring import Services
from .signed import WIDENING

WORDS = {
    "as": "How it would run",
    "bearer": "Tokens count without proof of a key",
    "cause": "Why they are stuck",
    "certificates": "Client certificates",
    "client_secret": "It signs in with a shared secret",
    "dci.interface": "Form of DCI messages",
    "dci.names": "Names of its own in DCI messages",
    "dci.prefix": "Prefix of its DCI names",
    "dci.purpose": "Purpose of DCI messages that name none",
    "dci.tolerant": "DCI messages that are not quite right are taken",
    "digest": "Fingerprint of its files",
    "encryption.outgoing": "What it gets is encrypted",
    "encryption.required": "What it sends has to be encrypted",
    "expires_at": "Until",
    "inputs": "Its settings, by their number",
    "jwks_uri": "Address of its public keys",
    "kind": "Kind",
    "limits.burst": "Requests at once",
    "limits.concurrent": "Requests at the same time",
    "limits.per_second": "Requests in a second",
    "member": "Member",
    "members": "Members",
    "role": "Role",
    "share": "Share of the questions, in per cent",
    "signature.algorithms": "Algorithms of its signatures",
    "signature.dialect": "Form of its signatures",
    "signature.required": "Messages have to be signed",
    "signature.tolerant": "Signatures that are not quite right are taken",
    "signature.window_s": "Seconds that a signature counts",
    "state": "State",
    "target": "System",
    "territory": "Area",
    "version": "Version",
}
"""What the members of proposals' documents are called."""


LOOKED_AT = {
    "If you approve": "It stays suspended; to bring it back is proposed then.",
    "If you reject": "It is brought back at once.",
}
"""Of a suspension, which counts already."""


async def waiting(who: SignedIn, here: Services, subject: str) -> list[dict[str, Any]]:
    """The open proposals about a member, a system or an adapter, as far as the officer may see them, newest first."""
    found: dict[str, Any] = await approvals.get_approvals(who, here.people)
    about = (each for each in found["approvals"] if (each["subject"], each["state"]) == (subject, "proposed"))
    return [each | {"title": title(here, each)} for each in about]


def title(here: Services, found: Mapping[str, Any]) -> str:
    """What its kind of proposal is called."""
    kind = here.people.approvals.kinds.get(found["kind"])
    return pages.said(kind.title) if kind else str(found["kind"])


async def changes(here: Services, found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """`{"what", "before"?, "after"}` for each thing that would be otherwise; all of it where nothing is compared.

    `before` is there while the proposal is open, and for a system of the proposal's own member alone: a proposal that
    names somebody else's system tells nothing of it.
    """
    document: Mapping[str, Any] = found["document"]
    if found["kind"] == membership.SUSPENSION and found["state"] == "proposed":
        return [{"what": pages.said(decision), "after": pages.said(then)} for decision, then in LOOKED_AT.items()]
    system = await _own_system(here, found)
    if system and found["kind"] == "callback.host":
        addresses = {each.name: each.callback_url for each in system.services}
        return _compared({name: addresses.get(name, "") for name in document}, document)
    if system and found["kind"] == "system.policy":
        try:
            return _compared(_flat(system.policy.document()), _flat(Policy.read(document).document()))
        except RegistrationRefused:
            pass
    if found["kind"] == releasing.KIND and document.get("as") != "canary":
        document = {name: value for name, value in document.items() if name != "share"}  # it has no share to take
    return [{"what": _called(name), "after": _told(name, value)} for name, value in _flat(document).items()]


async def widening(who: SignedIn, here: Services, found: Mapping[str, Any]) -> dict[str, Any] | None:
    """The version that would take over, in sentences, and what it changes, for an officer of one of its sides.

    None for every other kind of proposal, and where the proposal names no version of an agreement of theirs.
    """
    version = found["document"].get("version")
    if found["kind"] != WIDENING or not isinstance(version, int):
        return None
    async with here.db.read() as connection:
        every = await list_agreements(connection, None if who.everywhere(Right.APPROVALS_READ) else who.officer.member)
    kept = [each for each in every if each.agreement.id == found["subject"]]
    after = next((each.agreement for each in kept if each.agreement.version == version), None)
    if after is None:
        return None
    before = [each.agreement for each in kept if each.agreement.version < version][-1:]
    changed = [change.wire() for each in before for change in difference(each, after)]
    return {"title": after.title, "changes": changed, **in_words(after)}


async def _own_system(here: Services, found: Mapping[str, Any]) -> System | None:
    if found["state"] != "proposed":
        return None
    known = await here.trust.register()
    system = known.systems.get(found["subject"])
    return system if system and found["member"] in {None, system.member_id} else None


def _compared(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {"what": _called(name), "before": _told(name, before[name]), "after": _told(name, after[name])}
        for name in after
        if before[name] != after[name]
    ]


def _called(name: str) -> str:
    return pages.said(WORDS.get(name, name))


def _told(name: str, value: Any) -> str | list[str]:
    """A value as words; ids stay ids, which the page names."""
    if isinstance(value, bool):
        return pages.said("Yes" if value else "No")
    if isinstance(value, list | tuple):
        return [str(each) for each in value]
    if name == "role" and value in ROLES:
        return pages.said(ROLES[value].title)
    if name == "expires_at":
        return day(str(value), pages.said)
    return pages.words_of(value) if name in {"as", "kind", "cause", "state"} else str(value)


def _flat(document: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """`{"signature": {"window_s": 300}}` as `{"signature.window_s": 300}`."""
    flat: dict[str, Any] = {}
    for name, value in document.items():
        flat |= _flat(value, f"{before}{name}.") if isinstance(value, Mapping) else {f"{before}{name}": value}
    return flat
