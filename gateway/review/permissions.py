"""Agreements and consents as they are kept, held against what the log says of them.

What may be asked is decided by these tables, and whoever can write to the database can write to them. The log has the
digest of every agreement, each of its ends, and the ids of the consents that were recorded and withdrawn; what the
tables allow beyond that, no member and no person has said. Of one consent the log has no more than the id, for its
words are about a person; the terms that many share are named by their own digest.
"""

from collections.abc import Iterator
from hashlib import sha256

from sqlalchemy import Connection, func, inspect, select

from audit import Entry
from audit.fsck import Finding
from audit.rows import MOST_ROWS
from audit.tables import SAME_PLACE, audit_search, log_entry
from consent.model import State
from consent.tables import agreement, consent, terms

ENDS = {
    "agreement.suspended": State.SUSPENDED,
    "agreement.resumed": State.IN_FORCE,
    "agreement.ended": State.ENDED,
}
Version = tuple[str, int]
"""Of an agreement: its id, and the number."""


def beyond_the_log(connection: Connection) -> list[Finding]:
    """What these tables allow and the log does not. `connection`: to the gateway's own database.

    The search tables are read for it: hold them against the entries first (`audit.derived`). A log alone, without the
    tables that decide, allows nothing.
    """
    if not {agreement.name, consent.name, terms.name} <= set(inspect(connection).get_table_names()):
        return []
    kept = connection.execute(select(func.count()).select_from(consent)).scalar_one()  # first: it may grow meanwhile
    return [*_agreements(connection), *_terms(connection), *_consents(connection, kept)]


def _agreements(connection: Connection) -> Iterator[Finding]:
    columns = agreement.c
    rows = connection.execute(select(columns.id, columns.version, columns.state, columns.document)).all()
    logged, stands, held = _logged(connection)
    for row in rows:
        name = f"agreement {row.id} v{row.version}"
        if (row.id, row.version) not in logged:
            yield Finding(f"{name} is kept, but no entry of the log says that it was recorded")
        elif logged[row.id, row.version] not in {None, f"sha-256:{sha256(row.document.encode()).hexdigest()}"}:
            yield Finding(f"{name} does not read as it was signed: its document was changed after it was recorded")
        last = stands.get(row.id, State.IN_FORCE)
        if row.state == State.IN_FORCE and (row.id, row.version) in held:
            yield Finding(f"{name} is in force, but no two officers let it take over")
        if row.state == State.IN_FORCE and last is not State.IN_FORCE:
            yield Finding(f"{name} is in force, but the log says that it was {last.value}")


def _logged(connection: Connection) -> tuple[dict[Version, str | None], dict[str, State], set[Version]]:
    """The digest of each version, where its entry has one; the last end of each agreement; versions that wait."""
    digests: dict[Version, str | None] = {}
    stands: dict[str, State] = {}
    held: set[Version] = set()
    for each in _entries(connection, "agreement.recorded", "agreement.widened", *ENDS):
        document, version = each.facts.get("document"), _version(each)
        if each.kind in ENDS:
            stands[version[0]] = ENDS[each.kind]
        elif each.kind == "agreement.widened":
            held.discard(version)
        else:
            digests[version] = None if document is None else str(document)
            held |= {version} if each.facts.get("state") == State.AGREED else set()
    return digests, stands, held


def _version(entry: Entry) -> Version:
    version = entry.facts.get("agreement_version", entry.facts.get("version"))
    return str(entry.facts["agreement"]), version if isinstance(version, int) else 0


def _terms(connection: Connection) -> Iterator[Finding]:
    for row in connection.execute(select(terms.c.digest, terms.c.body)):
        if sha256(row.body.encode()).hexdigest() != row.digest:
            yield Finding(f"the terms {row.digest[:12]} of consents do not have the digest that names them: edited")


def _consents(connection: Connection, kept: int) -> Iterator[Finding]:
    logged = 0
    for each in _entries(connection, "consent.recorded"):
        logged += len(_there(connection, each))
    if kept > logged:
        yield Finding(f"{kept - logged} consents are kept that no entry of the log says anybody gave")
    for each in _entries(connection, "consent.withdrawn"):
        if standing := _there(connection, each, standing=True):
            yield Finding(f"consent {standing[0]} was withdrawn by an entry of the log, but still counts")


def _there(connection: Connection, entry: Entry, *, standing: bool = False) -> list[str]:
    """The consents of an entry that are kept; with `standing`, those of them that were not withdrawn."""
    named, found = entry.facts.get("consents"), list[str]()
    ids = [str(each) for each in named] if isinstance(named, list) else []
    for at in range(0, len(ids), MOST_ROWS):
        some = select(consent.c.id).where(consent.c.id.in_(ids[at : at + MOST_ROWS]))
        found += connection.execute(some.where(consent.c.withdrawn_at.is_(None)) if standing else some).scalars()
    return found


def _entries(connection: Connection, *kinds: str) -> Iterator[Entry]:
    """Of these kinds, in the order of the log; a part at a time."""
    table, last = audit_search.c, (0, -1)
    query = select(table.log_id, table.seq, log_entry.c.body).join(log_entry, SAME_PLACE).where(table.kind.in_(kinds))
    while True:
        later = (table.log_id > last[0]) | ((table.log_id == last[0]) & (table.seq > last[1]))
        rows = connection.execute(query.where(later).order_by(table.log_id, table.seq).limit(MOST_ROWS)).all()
        if not rows:
            return
        yield from (Entry.from_body(bytes(row.body)) for row in rows)
        last = rows[-1].log_id, rows[-1].seq
