"""Who is signed in, in memory: a restart signs everybody out. A session's number is known to the browser alone.

Source: OWASP ASVS 5.0, 7.2 and 7.3; OWASP CSRF Prevention Cheat Sheet.
"""

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from .accounts import Account

IDLE_S, LONGEST_S = 30 * 60.0, 12 * 3600.0
MOST = 1000


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A person at the desk. `csrf` is the token that the session's forms carry."""

    account: Account
    csrf: str


@dataclass(slots=True)
class _Session:
    account: Account
    seen: float
    ends: float


class Sessions:
    """By the hash of their number. `clock` counts seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._open: dict[str, _Session] = {}

    def begin(self, account: Account) -> str:
        """A session of a new number, whatever number the browser came with."""
        now = self._clock()
        for number in [each for each, session in self._open.items() if not _alive(session, now)]:
            del self._open[number]
        if len(self._open) >= MOST:
            del self._open[next(iter(self._open))]
        secret = secrets.token_urlsafe(32)
        self._open[_hashed(secret)] = _Session(account, now, now + LONGEST_S)
        return secret

    def account(self, secret: str) -> Account | None:
        """Whose session this is, as the account was when it began; None: nobody's. Looking keeps it alive."""
        now, session = self._clock(), self._open.get(_hashed(secret))
        if session is None or not _alive(session, now):
            return None
        session.seen = now
        return session.account

    def end(self, secret: str) -> None:
        """Close it, if it is open."""
        self._open.pop(_hashed(secret), None)


def csrf_token(secret: str) -> str:
    """Follows from the session's number and says nothing about it."""
    return hmac.digest(secret.encode("utf-8", "surrogatepass"), b"sandhi desk csrf v1", "sha256").hex()


def _alive(session: _Session, now: float) -> bool:
    return now < session.ends and now - session.seen < IDLE_S


def _hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
