"""A copy of a registry whose list nobody has reviewed yet: to learn the review on, beside the one that counts."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from .errors import StepFailed
from .store import SCHEMA

DATABASE, ACCOUNTS = "registry.db", "accounts.json"
UNDONE = (
    "UPDATE line SET decision = ''",
    "DELETE FROM review",
    "DELETE FROM handover",
    "DELETE FROM event",
    "DELETE FROM answer WHERE step = 'sync'",  # what ESS said when it was asked about those it had been sent
    "DELETE FROM control",
    "DELETE FROM download",
)


def copied(folder: Path, into: Path) -> int:
    """Copy the registry of a folder, as it was before its review, with the same accounts. Gives the lines to review.

    Raises:
        StepFailed: there is no registry, or the copy is there already.
    """
    if not (folder / DATABASE).exists():
        raise StepFailed("there is no registry in this folder")
    if (into / DATABASE).exists():
        raise StepFailed("there is a registry to practise on already; take it away first")
    into.mkdir(parents=True, exist_ok=True, mode=0o700)
    shutil.copy(folder / ACCOUNTS, into / ACCOUNTS)
    with (
        closing(sqlite3.connect(folder / DATABASE)) as there,
        closing(sqlite3.connect(into / DATABASE)) as here,
    ):
        there.backup(here)
        here.executescript(SCHEMA)  # the copied one may be of an earlier version
        with here:
            for statement in UNDONE:
                here.execute(statement)
        waiting = "SELECT count(*) FROM line WHERE outcome IN ('listed', 'to_verify')"
        return int(here.execute(waiting).fetchone()[0])
