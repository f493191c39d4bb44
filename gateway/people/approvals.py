"""Four eyes: what one person proposes takes effect when another one approves it, and never otherwise.

A proposal holds exactly what shall be done. It is decided by somebody else than the proposer, of another member where
the kind asks for that, within two weeks, after a fresh sign-in; what was proposed happens in the approving transaction
(`Kind.apply`). Proposing, approving, rejecting and withdrawing are log entries in the same transaction.
"""

import hashlib
from collections.abc import Awaitable, Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import RowMapping, Select, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from audit import new_id

from ..trust import jcs
from ..trust.errors import NotCanonical
from ..trust.evidence import Log, entry
from . import tables
from .access import SignedIn
from .errors import NO_ROLE, ApprovalRefused, ApprovalUnknown, NotAllowed
from .roles import Right

OPEN_FOR = timedelta(days=14)
LARGEST_DOCUMENT = 16 * 1024


@dataclass(frozen=True, slots=True)
class Approval:
    """A proposal, decided or not. `subject` is a system, a host, an agreement or an officer: never a person's number.

    `member` is whose thing it is; empty: the gateway's own, which operators propose.
    """

    id: str
    kind: str
    subject: str
    member: str
    document: Mapping[str, Any]
    reason: str
    state: str
    proposed_by: str
    proposer_member: str
    proposed_at: datetime
    expires_at: datetime
    decided_by: str = ""
    remark: str = ""

    def standing(self, now: datetime) -> str:
        """The state with the clock looked at."""
        return "expired" if self.state == "proposed" and now >= self.expires_at else self.state


Apply = Callable[[AsyncConnection, Log, Approval, str, datetime], Awaitable[object]]
Check = Callable[[Mapping[str, Any]], object]


def nothing_to_check(_document: Mapping[str, Any]) -> None:
    """What a document may hold shows when it is applied."""


async def nothing_to_undo(_connection: AsyncConnection, _log: Log, _asked: Approval, _by: str, _now: datetime) -> None:
    """What was only proposed has had no effect."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What can be proposed.

    Attributes:
        title: for people.
        deciders: roles of which the approver needs one that reaches the member.
        other_member: the approver belongs to another member than the proposer, and acts for another one.
        apply: does it, in the approving transaction, as the officer of the given id.
        check: raises for a document that could never be applied, before it is on the desk.
        undo: does what follows when it is rejected or withdrawn, in that transaction.
    """

    title: str
    deciders: frozenset[str]
    apply: Apply
    other_member: bool = False
    check: Check = nothing_to_check
    undo: Apply = nothing_to_undo


@dataclass(frozen=True, slots=True)
class Approvals:
    """The desk: what happens to proposals, with the kinds of this gateway."""

    log: Log
    kinds: Mapping[str, Kind]

    async def propose(
        self,
        connection: AsyncConnection,
        who: SignedIn,
        kind: str,
        subject: str,
        document: Mapping[str, Any],
        *,
        member: str = "",
        reason: str,
        now: datetime,
    ) -> Approval:
        """Put it on the desk.

        Raises:
            NotAllowed: not the proposer's to propose.
            ApprovalRefused: no such kind, too large, or the same is on the desk already.
            RegistrationRefused: it could never be applied.
        """
        who.need(Right.APPROVALS_PROPOSE, member)
        if kind not in self.kinds:
            raise ApprovalRefused(f"a proposal is one of {', '.join(sorted(self.kinds))}")
        _check_document(document)
        self.kinds[kind].check(document)
        mine = (who.id, who.officer.member)
        return await self.put(connection, kind, subject, document, member=member, reason=reason, by=mine, now=now)

    async def put(
        self,
        connection: AsyncConnection,
        kind: str,
        subject: str,
        document: Mapping[str, Any],
        *,
        member: str = "",
        reason: str,
        by: tuple[str, str],
        now: datetime,
    ) -> Approval:
        """A proposal that follows from what somebody was allowed to do; `by`: who it was, and of which member.

        Raises:
            ApprovalRefused: the same is on the desk already.
        """
        about = await self._about(connection, kind, subject)  # others' proposals block nobody, and are not told of
        same = [each for each in about if (each.document, each.member) == (document, member)]
        if any(each.standing(now) == "proposed" for each in same):
            raise ApprovalRefused("the same is proposed already")
        times = (now, now + OPEN_FOR)
        made = Approval(str(new_id(now)), kind, subject, member, document, reason, "proposed", *by, *times)
        await connection.execute(insert(tables.approval).values(_row(made, now)))
        await self._told(connection, "approval.proposed", made, made.proposed_by, now)
        return made

    async def approve(
        self, connection: AsyncConnection, who: SignedIn, id_: str, *, remark: str = "", now: datetime
    ) -> Approval:
        """Agree; it is done now.

        Raises:
            ApprovalUnknown, NotAllowed, NotFresh, ApprovalRefused: see `_decidable`.
        """
        asked = await self._decidable(connection, who, id_, now)
        kind = self.kinds[asked.kind]
        done = await self._decided(connection, asked, "approved", who.id, remark, now)
        await self._told(connection, "approval.approved", done, who.id, now)
        await kind.apply(connection, self.log, done, who.id, now)
        return done

    async def reject(
        self, connection: AsyncConnection, who: SignedIn, id_: str, *, remark: str, now: datetime
    ) -> Approval:
        """Refuse it for good; the remark says why. Raises as `approve`."""
        asked = await self._decidable(connection, who, id_, now)
        done = await self._decided(connection, asked, "rejected", who.id, remark, now)
        await self._told(connection, "approval.rejected", done, who.id, now)
        await self.kinds[asked.kind].undo(connection, self.log, done, who.id, now)
        return done

    async def withdraw(self, connection: AsyncConnection, who: SignedIn, id_: str, *, now: datetime) -> Approval:
        """Take one's own proposal back before it is decided. Raises NotAllowed, ApprovalUnknown, ApprovalRefused."""
        who.need(Right.APPROVALS_PROPOSE)
        asked = await self.seen(connection, who, id_)
        if asked.proposed_by != who.id or asked.state != "proposed":
            raise ApprovalRefused("only the proposer withdraws, and only what is not decided")
        done = await self._decided(connection, asked, "withdrawn", asked.decided_by, asked.remark, now)
        await self._told(connection, "approval.withdrawn", done, who.id, now)
        if kind := self.kinds.get(asked.kind):
            await kind.undo(connection, self.log, done, who.id, now)
        return done

    async def seen(self, connection: AsyncConnection, who: SignedIn, id_: str) -> Approval:
        """One proposal, if the officer may see it; others' do not exist for them. Raises ApprovalUnknown."""
        statement = select(tables.approval).where(tables.approval.c.id == id_).with_for_update()
        row = (await connection.execute(statement)).mappings().first()
        found = _read(row) if row else None
        if found is None or not _may_see(who, found):
            raise ApprovalUnknown
        return found

    async def listed(self, connection: AsyncConnection, who: SignedIn, *, most: int = 500) -> Sequence[Approval]:
        """What the officer may see, newest first."""
        rows = (await connection.execute(_newest().limit(most))).mappings()
        return [found for row in rows if _may_see(who, found := _read(row))]

    async def _decidable(self, connection: AsyncConnection, who: SignedIn, id_: str, now: datetime) -> Approval:
        """The proposal, if this officer may decide it now.

        Raises:
            ApprovalUnknown: none that the officer may see.
            NotAllowed: no role that decides this kind.
            NotFresh: the sign-in is too old.
            ApprovalRefused: one's own, of one's own member where that is excluded, or decided or expired already.
        """
        asked = await self.seen(connection, who, id_)
        kind = self.kinds.get(asked.kind)
        if kind is None or not any(
            each.role in kind.deciders and (not each.member or kind.other_member or each.member == asked.member)
            for each in who.giving(Right.APPROVALS_DECIDE)
        ):
            raise NotAllowed(f"{NO_ROLE} decides this kind of proposal.")
        who.need_fresh(now)
        if asked.proposed_by == who.id:
            raise ApprovalRefused("the proposer does not decide; another person has to")
        if kind.other_member and not _is_another_side(who, asked, kind.deciders):
            raise ApprovalRefused("somebody of another member has to decide this")
        if (standing := asked.standing(now)) != "proposed":
            raise ApprovalRefused(f"the proposal is {standing} already")
        return asked

    async def _about(self, connection: AsyncConnection, kind: str, subject: str) -> list[Approval]:
        held = tables.approval.c
        statement = _newest().where(held.kind == kind, held.subject == subject).with_for_update()
        return [_read(row) for row in (await connection.execute(statement)).mappings()]

    async def _decided(
        self, connection: AsyncConnection, before: Approval, state: str, by: str, remark: str, now: datetime
    ) -> Approval:
        """Written only over the state that was looked at: of two who decide at once, one is refused."""
        held = tables.approval.c
        changed = {"state": state, "decided_by": by, "remark": remark, "changed_at": now}
        same = (held.id == before.id, held.state == before.state)
        if (await connection.execute(update(tables.approval).where(*same).values(changed))).rowcount != 1:
            raise ApprovalRefused("somebody else decided at the same moment; look again")
        return _read(_row(before, now) | changed)

    async def _told(self, connection: AsyncConnection, kind: str, done: Approval, by: str, now: datetime) -> None:
        facts = {
            "by": by,
            "approval": done.id,
            "what": done.kind,
            "subject": done.subject,
            "proposed_by": done.proposed_by,
            "document": hashlib.sha256(jcs.canonical(done.document)).hexdigest(),
        }
        await self.log.append_in(connection, entry(kind, now, facts))


def _is_another_side(who: SignedIn, asked: Approval, deciders: Container[str]) -> bool:
    """Whether the officer belongs to another member, and decides by a role that is not in the proposer's either."""
    proposers = {asked.member, asked.proposer_member}
    roles = (each for each in who.giving(Right.APPROVALS_DECIDE) if each.role in deciders)
    return who.officer.member not in proposers and any(each.member not in proposers for each in roles)


def _check_document(document: Mapping[str, Any]) -> None:
    try:
        size = len(jcs.canonical(document))
    except NotCanonical as error:
        raise ApprovalRefused(f"the document has no canonical form: {error.detail}") from None
    if size > LARGEST_DOCUMENT:
        raise ApprovalRefused(f"a proposal has at most {LARGEST_DOCUMENT} bytes")


def _may_see(who: SignedIn, found: Approval) -> bool:
    return (
        found.proposed_by == who.id or who.for_member(Right.APPROVALS_READ, found.member) or _is_other_side(who, found)
    )


def _is_other_side(who: SignedIn, found: Approval) -> bool:
    """An agreement has two parties: the document names the other member, whose administrator has to see it."""
    parties = found.document.get("members", ())
    return isinstance(parties, list) and any(who.for_member(Right.APPROVALS_READ, str(each)) for each in parties)


def _newest() -> Select[Any]:
    return select(tables.approval).order_by(tables.approval.c.proposed_at.desc(), tables.approval.c.id)


def _row(made: Approval, now: datetime) -> dict[str, Any]:
    return {
        "id": made.id,
        "kind": made.kind,
        "subject": made.subject,
        "member_id": made.member,
        "document": dict(made.document),
        "reason": made.reason,
        "state": made.state,
        "proposed_by": made.proposed_by,
        "proposer_member": made.proposer_member,
        "proposed_at": made.proposed_at,
        "expires_at": made.expires_at,
        "decided_by": made.decided_by,
        "remark": made.remark,
        "changed_at": now,
    }


def _read(row: RowMapping | Mapping[str, Any]) -> Approval:
    what = (row["id"], row["kind"], row["subject"], row["member_id"], row["document"], row["reason"], row["state"])
    who = (row["proposed_by"], row["proposer_member"], row["proposed_at"], row["expires_at"])
    return Approval(*what, *who, row["decided_by"], row["remark"])
