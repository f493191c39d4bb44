"""What takes two people: the kinds of proposals, and what the gateway does by itself once one is approved.

A part that guards something of its own adds a line here. What may be dialled besides public addresses is not among
them: decision record 0041.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from consent import store
from consent.errors import ConsentError

from ..delivery import letters
from ..trust import register
from ..trust.addresses import MayDial, check_address
from ..trust.evidence import Log, entry
from ..trust.policy import Policy
from ..trust.register import System
from . import grants, membership
from .approvals import Approval, Kind
from .errors import ApprovalRefused

OVERSIGHT = frozenset({"operator", "compliance_officer"})


def kinds(profile: Mapping[str, Any], may_dial: MayDial) -> Mapping[str, Kind]:
    """Every kind of proposal.

    Args:
        profile: the country profile as read, for territories.
        may_dial: raises for an address that is never dialled.
    """

    async def grant_role(connection: AsyncConnection, log: Log, asked: Approval, by: str, now: datetime) -> object:
        if asked.proposed_by == asked.subject:
            raise ApprovalRefused("nobody proposes a role for themselves")
        wanted = grants.Wanted.read(asked.subject, asked.document)
        return await grants.give(connection, log, wanted, profile, by=by, now=now)

    def check_callback(document: Mapping[str, Any]) -> None:
        """The document is `{service name: new callback address}`."""
        for name, url in document.items():
            check_address(f"the callback address of {name}", str(url), may_dial)

    return {
        "system.policy": Kind("Lower what a system must present", OVERSIGHT, apply=_set_policy, check=Policy.read),
        "callback.host": Kind(
            "Send to a new callback address",
            OVERSIGHT | {"agency_administrator"},
            apply=_call_back,
            check=check_callback,
        ),
        "agreement.widening": Kind(
            "Widen an agreement",
            frozenset({"agency_administrator", "data_protection_officer"}),
            other_member=True,
            apply=_widen,
        ),
        "letters.release": Kind(
            "Try dead letters again, whose cause is mended", OVERSIGHT, apply=_release_letters, check=_letters
        ),
        "letters.drop": Kind(
            "Drop dead letters that nobody wants any more", OVERSIGHT, apply=_drop_letters, check=_letters
        ),
        **membership.kinds(OVERSIGHT),
        "role.grant": Kind(
            "Grant a role that watches over others", OVERSIGHT | {"data_protection_officer"}, apply=grant_role
        ),
    }


async def _set_policy(connection: AsyncConnection, log: Log, asked: Approval, _: str, now: datetime) -> object:
    """The document is the whole policy, as `Policy.document` writes it."""
    system, policy = await _system(connection, asked), Policy.read(asked.document)
    if policy.jwks_uri not in {"", system.policy.jwks_uri}:
        raise ApprovalRefused("a new jwks_uri lowers nothing: set it at /v1/systems, which fetches the keys first")
    return await register.change_policy(connection, log, system.id, policy, now)


def _letters(document: Mapping[str, Any]) -> letters.Group:
    """The document is `{kind, cause, target}` of a group, as `GET /v1/letters` has it."""
    try:
        return letters.Group.read(document)
    except ValueError as error:
        raise ApprovalRefused(str(error)) from None


async def _own_letters(connection: AsyncConnection, asked: Approval) -> letters.Group:
    """The group that the proposal names; one that is made for a member names letters of its own systems."""
    group = _letters(asked.document)
    own = [each for each in await register.systems(connection) if each.member_id == asked.member]
    if asked.member and group.target not in letters.targets(own):
        raise ApprovalRefused("the proposal names letters that are not those of its member's systems")
    return group


async def _release_letters(connection: AsyncConnection, log: Log, asked: Approval, by: str, now: datetime) -> object:
    group = await _own_letters(connection, asked)
    return await letters.release(connection, log, group, by=by, approval=asked.id, now=now)


async def _drop_letters(connection: AsyncConnection, log: Log, asked: Approval, by: str, now: datetime) -> object:
    group = await _own_letters(connection, asked)
    if group.kind not in letters.DROPPED:
        raise ApprovalRefused("only deliveries, callbacks and events can be dropped; release the others")
    return await letters.drop(connection, log, group, by=by, approval=asked.id, now=now)


async def _call_back(connection: AsyncConnection, log: Log, asked: Approval, _: str, now: datetime) -> object:
    """The document is `{service name: new callback address}`."""
    system = await _system(connection, asked)
    if not asked.document or not asked.document.keys() <= {each.name for each in system.services}:
        raise ApprovalRefused("a proposal of a callback address names services that the system offers")
    services = tuple(
        replace(each, callback_url=str(asked.document.get(each.name, each.callback_url))) for each in system.services
    )
    return await register.change_system(connection, log, replace(system, services=services), now)


async def _widen(connection: AsyncConnection, log: Log, asked: Approval, by: str, now: datetime) -> object:
    """The document is `{version, members}`: the amendment that both members signed takes over."""
    version = asked.document.get("version")
    if not isinstance(version, int) or isinstance(version, bool):
        raise ApprovalRefused("a proposal to widen an agreement names the version that both members signed")
    try:
        held = await store.read_agreement(connection, asked.subject, version)
        parties = {held.agreement.provider.member, held.agreement.consumer.member}
        if asked.proposer_member not in parties or set(asked.document.get("members", ())) != parties:
            raise ApprovalRefused("a proposal to widen an agreement names its two members, and one of them proposes")
        taken = await store.put_in_force(connection, asked.subject, version, by=held.agreement.consumer.member, now=now)
    except ConsentError as error:
        raise ApprovalRefused(f"the agreement cannot be widened: {error.detail}") from None
    facts = {
        "agreement": asked.subject,
        "agreement_version": version,
        "consumer": held.agreement.consumer.member,
        "provider": held.agreement.provider.member,
        "state": taken.agreement.state.value,
        "document": taken.digest,
        "approval": asked.id,
        "by": by,
    }
    return await log.append_in(connection, entry("agreement.widened", now, facts))


async def _system(connection: AsyncConnection, asked: Approval) -> System:
    system = await register.find_system(connection, asked.subject)
    if system is None or (asked.member and system.member_id != asked.member):
        raise ApprovalRefused("the proposal names no system of its member")
    return system
