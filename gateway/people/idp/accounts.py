"""Accounts of the built-in identity provider: argon2id hashes, and patience with whoever guesses.

After five wrong passwords for one login within a quarter of an hour, that login is refused for the rest of it, right
password or not. Unknown logins cost the same time. No more than two hashes are worked out at once (64 MiB each).

Source: RFC 9106 section 4 (the second recommended parameters); OWASP ASVS 5.0, 6.3.1.
"""

import asyncio
import json
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from argon2.profiles import RFC_9106_LOW_MEMORY
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from ...db import Database
from ...trust.seal import Seal
from .. import tables
from ..errors import OfficerRefused, SignInRefused

LOGIN = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)
LONGEST_PASSWORD = 256
TRIES, WITHIN_S = 5, 900.0
REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Account:
    """Who signed in. `claims` go into the ID token beside the subject."""

    subject: str
    claims: Mapping[str, str]


class Throttle:
    """Counts wrong passwords by login; in memory, and bounded: what is oldest is forgotten first."""

    def __init__(self) -> None:
        self._wrong: dict[str, list[float]] = {}

    def open(self, login: str, now: float) -> bool:
        """Whether a password may be tried."""
        recent = [at for at in self._wrong.get(login, ()) if at > now - WITHIN_S]
        return len(recent) < TRIES

    def count(self, login: str, now: float) -> None:
        """One was wrong, or is being tried: counted before the hash is worked out, so that no two slip in at once."""
        kept = [at for at in self._wrong.pop(login, ()) if at > now - WITHIN_S]
        self._wrong[login] = [*kept, now]
        if len(self._wrong) > REMEMBERED:
            del self._wrong[next(iter(self._wrong))]

    def forget(self, login: str) -> None:
        """It was right."""
        self._wrong.pop(login, None)


class Accounts:
    """The accounts in the database."""

    def __init__(self, db: Database, seal: Seal) -> None:
        self._db = db
        self._seal = seal
        self._hasher = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
        self._nobody = ""  # a hash to compare with when there is no account; made when it is first needed
        self._turns = asyncio.Semaphore(2)
        self._throttle = Throttle()

    async def add(self, connection: AsyncConnection, login: str, claims: Mapping[str, str]) -> tuple[str, str]:
        """A new account, in the caller's transaction; gives its subject and the password made for it.

        Raises:
            OfficerRefused: the login is malformed or taken.
        """
        if not LOGIN.fullmatch(login):
            raise OfficerRefused("a login has up to 64 small letters, digits, dots, hyphens or underscores")
        subject, password = secrets.token_hex(16), secrets.token_urlsafe(12)
        row = {
            "login": login,
            "subject": subject,
            "password_hash": await asyncio.to_thread(self._hasher.hash, password),
            "claims": self._seal.sealed(f"people_account:{login}", json.dumps(dict(claims)).encode()),
        }
        try:
            async with connection.begin_nested():
                await connection.execute(insert(tables.account).values(row))
        except IntegrityError:
            raise OfficerRefused(f"the login {login} is taken") from None
        return subject, password

    async def checked(self, login: str, password: str) -> Account:
        """Whose login and password these are.

        Raises:
            SignInRefused: wrong, unknown, or tried too often; the text is the same for all.
        """
        login = login if LOGIN.fullmatch(login) else ""  # or what is counted below would be as long as anybody likes
        now = time.monotonic()
        if not self._throttle.open(login, now):
            raise _wrong("throttled")
        self._throttle.count(login, now)
        async with self._db.read() as connection:
            found = await connection.execute(select(tables.account).where(tables.account.c.login == login))
            row = found.mappings().first()
        async with self._turns:
            self._nobody = self._nobody or await asyncio.to_thread(self._hasher.hash, secrets.token_urlsafe(16))
            good = await asyncio.to_thread(self._verified, row["password_hash"] if row else self._nobody, password)
        if row is None or not good:
            raise _wrong("password")
        self._throttle.forget(login)
        claims = json.loads(self._seal.opened(f"people_account:{login}", row["claims"]))
        return Account(row["subject"], claims)

    def _verified(self, password_hash: str, password: str) -> bool:
        if len(password) > LONGEST_PASSWORD:
            return False
        try:
            return self._hasher.verify(password_hash, password)
        except (VerifyMismatchError, InvalidHashError):
            return False


def _wrong(reason: str) -> SignInRefused:
    return SignInRefused(
        reason, "Login and password do not belong together, or were tried too often. Wait and try again."
    )
