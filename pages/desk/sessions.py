"""Who is signed in, in memory: a restart signs everybody out. A session's number is known to the browser alone.

Who was signed out by time gets back what was typed, with the next sign-in of the same browser and account (`drafts`).

Source: OWASP ASVS 5.0, 7.2 and 7.3; OWASP CSRF Prevention Cheat Sheet.
"""

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .. import drafts
from ..drafts import Draft
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
    draft: Draft | None = None


class Sessions:
    """By the hash of their number. `clock` counts seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._open: dict[str, _Session] = {}

    def begin(self, account: Account, before: str = "") -> str:
        """A session of a new number, whatever number the browser came with.

        Args:
            before: that number. Its session ends, and what the same account typed in it comes along.
        """
        now = self._clock()
        last = self._open.pop(_hashed(before), None)
        self._make_room(now)
        draft = last.draft if last and last.account == account else None
        secret = secrets.token_urlsafe(32)
        self._open[_hashed(secret)] = _Session(account, now, now + LONGEST_S, draft)
        return secret

    def account(self, secret: str) -> Account | None:
        """Whose session this is, as the account was when it began; None: nobody's. Looking keeps it alive."""
        now, session = self._clock(), self._open.get(_hashed(secret))
        if session is None or not _alive(session, now):
            return None
        session.seen = now
        return session.account

    def keep(self, secret: str, path: str, then: str, fields: Mapping[str, str]) -> None:
        """Keep a form that came after the session had ended by time; of a session that nobody knows, nothing."""
        if session := self._open.get(_hashed(secret)):
            session.draft = drafts.kept(path, then, fields, self._clock())

    def goes_on(self, secret: str) -> str:
        """The page on which a form waits for this session; empty if there is none."""
        session = self._open.get(_hashed(secret))
        draft = session.draft if session else None
        return draft.then if draft and draft.alive(self._clock()) else ""

    def draft(self, secret: str, path: str) -> Draft | None:
        """The form that waits on the page of this path: handed out once."""
        session = self._open.get(_hashed(secret))
        if session is None or session.draft is None or not session.draft.belongs_on(path):
            return None
        draft, session.draft = session.draft, None
        return draft if draft.alive(self._clock()) else None

    def end(self, secret: str) -> None:
        """Close it, if it is open."""
        self._open.pop(_hashed(secret), None)

    def _make_room(self, now: float) -> None:
        """Forget who left long ago; where all places are taken, first who is signed in no more."""
        for number in [each for each, session in self._open.items() if now - session.seen >= LONGEST_S]:
            del self._open[number]
        if len(self._open) >= MOST:
            ended = (each for each, session in self._open.items() if not _alive(session, now))
            del self._open[next(ended, next(iter(self._open)))]


def csrf_token(secret: str) -> str:
    """Follows from the session's number and says nothing about it."""
    return hmac.digest(secret.encode("utf-8", "surrogatepass"), b"sandhi desk csrf v1", "sha256").hex()


def _alive(session: _Session, now: float) -> bool:
    return now < session.ends and now - session.seen < IDLE_S


def _hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
