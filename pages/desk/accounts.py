"""Who may sign in: logins with scrypt hashes in one file, and patience with whoever guesses.

Passwords are made here, never chosen: 96 random bits. After five wrong ones for one login within a quarter of an hour,
that login is refused for the rest of it, right password or not. An unknown login costs the same time.

Source: RFC 7914; OWASP ASVS 5.0, 6.3.1.
"""

import asyncio
import hashlib
import hmac
import json
import os
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

LOGIN = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)
LONGEST_PASSWORD = 256
COST = {"n": 2**14, "r": 8, "p": 1}  # 16 MiB; enough for passwords that nobody chose
TRIES, WITHIN_S = 5, 900.0
REMEMBERED = 10_000


class LoginRefused(Exception):
    """An account cannot be made like this; the text says why."""


class WrongPassword(Exception):
    """Wrong, unknown, or tried too often: nobody is told which."""


@dataclass(frozen=True, slots=True)
class Account:
    """One person. `place` is what the account is limited to, for example an office; empty: nothing."""

    login: str
    name: str
    place: str = ""


class Accounts:
    """The accounts of one file, read anew at each look, so that another process may add one at any time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._wrong: dict[str, list[float]] = {}
        self._turns = asyncio.Semaphore(2)

    def add(self, account: Account) -> str:
        """Keep a new account; gives the password made for it, which is kept nowhere.

        Raises:
            LoginRefused: the login is malformed or taken, or the name is empty.
        """
        rows = self._rows()
        if not LOGIN.fullmatch(account.login):
            raise LoginRefused("a login has up to 64 small letters, digits, dots, hyphens or underscores")
        if account.login in rows:
            raise LoginRefused(f"the login {account.login} is taken")
        if not account.name.strip():
            raise LoginRefused("say the person's name")
        password, salt = secrets.token_urlsafe(12), secrets.token_hex(16)
        kept = {"name": account.name, "place": account.place, "salt": salt, "hash": _hashed(password, salt)}
        _write(self._path, {**rows, account.login: kept})
        return password

    def remove(self, login: str) -> None:
        """Take an account out; its sessions end at their next request.

        Raises:
            LoginRefused: there is none of this login.
        """
        rows = dict(self._rows())
        if rows.pop(login, None) is None:
            raise LoginRefused(f"there is no login {login}")
        _write(self._path, rows)

    def all(self) -> list[Account]:
        """Everybody, by login."""
        return [Account(login, row["name"], row["place"]) for login, row in sorted(self._rows().items())]

    def find(self, login: str) -> Account | None:
        """The account of this login."""
        return next((each for each in self.all() if each.login == login), None)

    async def checked(self, login: str, password: str) -> Account:
        """Whose login and password these are.

        Raises:
            WrongPassword: they do not belong together, or were tried too often.
        """
        login = login if LOGIN.fullmatch(login) else ""  # or what is counted below would be as long as anybody likes
        now = time.monotonic()
        tried = [at for at in self._wrong.get(login, ()) if at > now - WITHIN_S]
        if len(tried) >= TRIES:
            raise WrongPassword
        self._wrong.pop(login, None)
        self._wrong[login] = [*tried, now]  # counted before the hash, so that no two slip in at once
        if len(self._wrong) > REMEMBERED:
            del self._wrong[next(iter(self._wrong))]
        row = self._rows().get(login, {"salt": "", "hash": ""})
        async with self._turns:
            found = await asyncio.to_thread(_hashed, password[:LONGEST_PASSWORD], row["salt"])
        if not hmac.compare_digest(found.encode(), row["hash"].encode()):
            raise WrongPassword
        self._wrong.pop(login, None)
        return Account(login, row["name"], row["place"])

    def _rows(self) -> Mapping[str, Mapping[str, str]]:
        if not self._path.exists():
            return {}
        found: Mapping[str, Mapping[str, str]] = json.loads(self._path.read_text("utf-8"))
        return found


def _hashed(password: str, salt: str) -> str:
    return hashlib.scrypt(password.encode("utf-8", "surrogatepass"), salt=salt.encode(), **COST).hex()


def _write(path: Path, rows: Mapping[str, Mapping[str, str]]) -> None:
    """Readable by the owner only; never half a file."""
    draft = path.with_suffix(".new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump(rows, file, indent=1, ensure_ascii=False)
    draft.replace(path)
