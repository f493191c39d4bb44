"""Messages, calls and their pending callbacks in SQLite: a restart loses nothing."""

import sqlite3
from dataclasses import dataclass
from pathlib import Path

SCHEMA = """
create table if not exists sent (
    sid text primary key, channel text not null, sender text not null, receiver text not null, text text not null,
    callback text not null, events text not null, created text not null, updated text not null,
    status text not null, error integer
);
create table if not exists step (
    sid text not null references sent, place integer not null, status text not null, primary key (sid, place)
);
create table if not exists opted_out (number text primary key);
"""
RANK = {"queued": 0, "ringing": 1, "sent": 1, "in-progress": 2}  # every other state ends the way
FINAL = 3


@dataclass(frozen=True, slots=True)
class Sent:
    """One message or call. `callback` is empty if none was asked for; `events` are a call's, comma separated.

    Times are UTC, ISO 8601. `error` is Twilio's code of the last state.
    """

    sid: str
    channel: str
    sender: str
    receiver: str
    text: str
    callback: str
    events: str
    created: str
    updated: str
    status: str
    error: int | None = None


class Store:
    """One connection, used from the event loop only; every method commits before it returns."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, check_same_thread=False)
        self._db.execute("pragma journal_mode = wal")
        self._db.execute("pragma synchronous = normal")  # a killed process loses nothing, a power cut may
        self._db.executescript(SCHEMA)

    def close(self) -> None:
        self._db.close()

    def add(self, sent: Sent, states: tuple[str, ...]) -> None:
        """A new message with the states it will report."""
        with self._db:
            self._db.execute(
                "insert into sent values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                tuple(getattr(sent, name) for name in Sent.__slots__),
            )
            steps = [(sent.sid, place, state) for place, state in enumerate(states)]
            self._db.executemany("insert into step values (?, ?, ?)", steps)

    def find(self, sid: str) -> Sent | None:
        row = self._db.execute("select * from sent where sid = ?", (sid,)).fetchone()
        return Sent(*row) if row else None

    def steps(self, sid: str) -> list[tuple[int, str]]:
        """Places and states not reported yet, in order."""
        return self._db.execute("select place, status from step where sid = ? order by place", (sid,)).fetchall()

    def unfinished(self) -> list[str]:
        """Messages with something left to report."""
        return [sid for (sid,) in self._db.execute("select distinct sid from step")]

    def reached(self, sid: str, status: str, now: str) -> None:
        """The message's state; a state never moves back, whatever the order of its callbacks."""
        current = self.find(sid)
        if current and RANK.get(status, FINAL) >= RANK.get(current.status, FINAL) and current.status != "read":
            with self._db:
                self._db.execute("update sent set status = ?, updated = ? where sid = ?", (status, now, sid))

    def reported(self, sid: str, place: int) -> None:
        with self._db:
            self._db.execute("delete from step where sid = ? and place = ?", (sid, place))

    def opt_out(self, number: str) -> None:
        """The person answered STOP: no SMS any more."""
        with self._db:
            self._db.execute("insert or ignore into opted_out values (?)", (number,))

    def opted_out(self, number: str) -> bool:
        return self._db.execute("select 1 from opted_out where number = ?", (number,)).fetchone() is not None
