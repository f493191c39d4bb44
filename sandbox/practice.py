"""The local offices' pages over a copy in which no counsellor has found anything yet: to learn the finding form on.

What is found stays in the copy: no letter leaves it.
"""

import shutil
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

from .agencies.offices import Book, CounselDesk, Counsellors
from .gateway_client import Clients, Delivery
from .person import World
from .post import Post

HOST = "127.0.0.1"
DATABASE, ACCOUNTS = "offices.db", "accounts.json"
TO_VERIFY = ["pension", "tax"]
"""What is to be found out about somebody of an office where nobody was sent to be verified."""


class ToNobody(Post):
    """Takes every letter as handed over, and sends none."""

    async def send(self, kinds: Iterable[str]) -> None:
        """Mark what is new as handed over."""
        for letter in [each for kind in kinds for each in self.letters(kind, "new")]:
            self._mark(letter, Delivery("", "handed", "practice", ""))


def copied(folder: Path, into: Path) -> int:
    """Copy the offices of a folder without their findings, with the same accounts; everybody in it waits.

    Gives the people who wait to be verified. A copy that is there already stays as it is.
    """
    if not (into / DATABASE).exists():
        into.mkdir(parents=True, exist_ok=True, mode=0o700)
        shutil.copy(folder / ACCOUNTS, into / ACCOUNTS)
        with (
            closing(sqlite3.connect(folder / DATABASE)) as there,
            closing(sqlite3.connect(into / DATABASE)) as here,
        ):
            there.backup(here)
            with here:
                _undone(here)
    with closing(Book(into / DATABASE)) as book:
        return len([each for each in book.people() if each.record["verify"]])


def _undone(copy: sqlite3.Connection) -> None:
    copy.execute("delete from letter where kind = 'finding'")
    copy.execute(
        "update person set record = json_set(record, '$.verify', json_array(?, ?)) "
        "where json_array_length(record, '$.verify') = 0",
        TO_VERIFY,
    )


def serve(folder: Path, port: int) -> None:
    """The pages over a copy, until SIGINT or SIGTERM."""
    book = Book(folder / DATABASE)
    post = ToNobody(book.database, Clients(folder, patience_s=0))
    counsellors = Counsellors(book, post, lambda _: World(working=False), datetime.now(UTC).date())
    desk = CounselDesk(book, counsellors, folder, origin=f"http://{HOST}:{port}")
    app = Starlette(routes=desk.routes, exception_handlers=dict(desk.handlers), middleware=desk.middleware)
    try:
        uvicorn.run(app, host=HOST, port=port, log_level="warning", access_log=False)
    finally:
        book.close()
