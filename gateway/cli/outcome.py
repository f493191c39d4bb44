"""How a command ends: expected failures as one sentence and exit code 1, faults as they are."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from audit.errors import AuditError
from consent.errors import ConsentError

from ..db import NoConnectionLeft
from ..people.errors import PeopleError
from ..profile import ProfileError
from ..settings import SettingError
from ..trust.errors import TrustError

EXPECTED = (
    SettingError,
    ProfileError,
    TrustError,
    PeopleError,
    ConsentError,
    AuditError,
    FileNotFoundError,
    NoConnectionLeft,
)


@contextmanager
def told_plainly() -> Iterator[None]:
    """Turn an expected failure into its sentence on standard error and exit code 1."""
    try:
        yield
    except _expected() as error:
        typer.echo(f"sandhi: {_sentence(error)}", err=True)
        raise typer.Exit(1) from None


def _expected() -> tuple[type[Exception], ...]:
    """With what the client of the gateway raises, where a command has imported it; one that serves has not."""
    client = sys.modules.get("sandhi_client")
    return EXPECTED if client is None else (*EXPECTED, client.SandhiError)


def _sentence(error: Exception) -> str:
    if not isinstance(error, FileNotFoundError) or error.filename is None:
        return str(error.args[0]) if error.args else type(error).__name__
    missing = Path(str(error.filename))
    if missing.parent.name == "clients":
        return (
            f"there are no credentials {missing}; `sandhi system list` names the systems, `sandhi system add` "
            "makes credentials, and SANDHI_DATA_DIR says which data directory is meant"
        )
    return f"there is no file {missing}; check the path"
