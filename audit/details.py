"""What an entry may not say: details, off the log, encrypted with a key per exchange or person that can be destroyed.

The entry holds a salted commitment to each detail. While the key lives, whoever may read can show the detail and prove
that it is what was logged; once the key is destroyed nobody can read it again, and every proof of the log still holds.
"""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection, select

from .entry import commit
from .errors import DetailErased, EntryInvalid
from .rows import MOST_ROWS, among, insert_rows
from .tables import audit_detail, audit_key
from .writing import microseconds

SALT_BYTES = 32
NONCE_BYTES = 12
FACT = "details"
"""The fact of an entry that holds the commitments: name -> hex."""
_KEYS = "SELECT owner, wrapped FROM audit_key WHERE owner"


@dataclass(frozen=True, slots=True)
class Detail:
    """A named value (JSON bytes) and the salt (32 bytes) of its commitment."""

    name: str
    value: bytes
    salt: bytes

    @property
    def commitment(self) -> str:
        """What the entry says of it, hex."""
        return commit(f"detail:{self.name}", self.salt, self.value)


class Beside(NamedTuple):
    """Details and the entry that they stand beside; see `Vault.keep`."""

    entry_id: UUID
    details: Sequence[Detail]
    owner: str
    agreement: str | None
    now: datetime


def detailed(values: Mapping[str, object]) -> list[Detail]:
    """Details of JSON values, each with a fresh salt."""
    return [Detail(name, _json(value), os.urandom(SALT_BYTES)) for name, value in values.items()]


def commitments(details: Iterable[Detail]) -> dict[str, str]:
    """For the entry's fact `details`."""
    return {each.name: each.commitment for each in details}


def exchange(id_: str) -> str:
    """The owner of what belongs to an exchange."""
    return f"exchange:{id_}"


def person(subject_ref: str) -> str:
    """The owner of what belongs to a person."""
    return f"person:{subject_ref}"


class Vault:
    """Seals and opens details. `key` (32 bytes) wraps the data keys and is kept outside the database."""

    def __init__(self, key: bytes) -> None:
        self._wrapping = AESGCM(key)

    def keep(
        self,
        connection: Connection,
        entry_id: UUID,
        details: Sequence[Detail],
        *,
        owner: str,
        agreement: str | None,
        now: datetime,
    ) -> None:
        """Keep details beside their entry, in the transaction that appends it.

        Args:
            owner: `exchange(...)` or `person(...)`: what is erased together.
            agreement: decides how long they are kept.
        """
        self.keep_all(connection, [Beside(entry_id, details, owner, agreement, now)])

    def keep_all(self, connection: Connection, kept: Sequence[Beside]) -> None:
        """`keep` for many entries, in few statements."""
        keys, rows = self._data_keys(connection, kept), []
        for each in kept:
            cipher = AESGCM(keys[each.owner])
            for detail in each.details:
                nonce = os.urandom(NONCE_BYTES)
                sealed = cipher.encrypt(nonce, detail.salt + detail.value, _place(each.entry_id, detail.name))
                rows.append((each.entry_id.bytes, detail.name, each.owner, nonce + sealed))
        insert_rows(connection, audit_detail, rows)

    def opened(self, connection: Connection, entry_id: UUID) -> list[Detail]:
        """The details of an entry, by name.

        Raises:
            DetailErased: there were some, and their key was destroyed.
        """
        table = audit_detail.c
        query = (
            select(table.name, table.owner, table.sealed).where(table.entry_id == entry_id.bytes).order_by(table.name)
        )
        rows = connection.execute(query).all()
        keys = {owner: self._existing(connection, owner) for owner in {row.owner for row in rows}}
        return [self._open(keys[row.owner], entry_id, row.name, bytes(row.sealed)) for row in rows]

    def _open(self, key: bytes | None, entry_id: UUID, name: str, sealed: bytes) -> Detail:
        if key is None:
            raise DetailErased("the details of this entry were erased; the entry itself and its proof remain")
        try:
            content = AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], _place(entry_id, name))
        except InvalidTag:
            raise EntryInvalid("a detail does not belong to its entry: its row was changed or moved") from None
        return Detail(name, content[SALT_BYTES:], content[:SALT_BYTES])

    def _data_keys(self, connection: Connection, kept: Sequence[Beside]) -> dict[str, bytes]:
        """The data key of each owner; made where there is none."""
        rows = []
        for owner, first in {each.owner: each for each in reversed(kept)}.items():
            key, nonce = os.urandom(32), os.urandom(NONCE_BYTES)
            wrapped = nonce + self._wrapping.encrypt(nonce, key, owner.encode())
            rows.append((owner, wrapped, first.agreement, microseconds(first.now)))
        insert_rows(connection, audit_key, rows, skip=True)  # what stands there, of whatever process, stays
        found: dict[str, bytes] = {}
        for at in range(0, len(rows), MOST_ROWS):
            owners = [str(row[0]) for row in rows[at : at + MOST_ROWS]]
            found |= {owner: self._unwrapped(owner, bytes(key)) for owner, key in among(connection, _KEYS, owners)}
        return found

    def _existing(self, connection: Connection, owner: str) -> bytes | None:
        wrapped = connection.execute(select(audit_key.c.wrapped).where(audit_key.c.owner == owner)).scalar()
        return None if wrapped is None else self._unwrapped(owner, bytes(wrapped))

    def _unwrapped(self, owner: str, wrapped: bytes) -> bytes:
        try:
            return self._wrapping.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], owner.encode())
        except InvalidTag:
            raise EntryInvalid("a data key cannot be unwrapped: wrong wrapping key, or its row was changed") from None


def _place(entry_id: UUID, name: str) -> bytes:
    """Binds a ciphertext to its row: a swapped row does not open."""
    return entry_id.bytes + name.encode()


def _json(value: object) -> bytes:
    try:
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        return text.encode()
    except (TypeError, ValueError):
        raise EntryInvalid("a detail is not plain JSON") from None
