"""Every setting of the gateway, in one table: name, default, help. Read once, frozen afterwards.

The environment variable is `SANDHI_<NAME>`; `SANDHI_<NAME>_FILE` names a file that holds the value
(for secrets mounted by an orchestrator). Settings of adapters (`setting:TAX_URL` in a manifest) are
read the same way and belong to the adapter's manifest, not to this table.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple


class SettingError(LookupError):
    """A setting is missing or cannot be read; the text names it and says what to do."""


class Row(NamedTuple):
    """One line of the table."""

    name: str
    default: str
    help: str


TABLE: tuple[Row, ...] = (
    Row("DATA_DIR", "data", "Directory of keys, the embedded database and working files; made when absent."),
    Row(
        "DATABASE_URL", "", "SQLAlchemy URL; empty: SQLite in the data directory. PostgreSQL: postgresql+asyncpg://..."
    ),
    Row(
        "PUBLIC_URL",
        "http://127.0.0.1:8080",
        "The address callers use: issuer, audience and proof target. Kept in the data directory, as is LOG_ORIGIN.",
    ),
    Row("HOST", "127.0.0.1", "Address to listen on."),
    Row("PORT", "8080", "Port to listen on."),
    Row(
        "HTTP_PARSER",
        "h11",
        "`h11` where callers connect directly; `httptools` behind an edge that guards the framing.",
    ),
    Row("PROFILE", "lk", "Country profile: a folder of `profiles/`, or a path."),
    Row("WITHOUT", "", "Adapters that this deployment shall not link, comma separated."),
    Row("ADAPTERS_DIR", "", "Folder of further adapters beside the built-in ones."),
    Row("LOG_ORIGIN", "", "Origin line of the log; empty: PUBLIC_URL without its scheme, then /log."),
    Row("LOG_PUBLIC", "hashes", "What /log serves to everyone: `hashes`, or `entries` too."),
    Row("ALLOWED_HOSTS", "", "host:port pairs that may be dialled although private, comma separated."),
    Row("WORKER", "inside", "`inside`: jobs run within `serve`; `apart`: only `sandhi worker` runs them."),
    Row("BATCH_LINES", "100000", "The most lines one batch may have."),
    Row("EXCHANGE_DEADLINE", "30", "Seconds one synchronous exchange may take."),
    Row("RESULTS_KEPT_HOURS", "24", "How long the results of a batch can be fetched before they are erased."),
    Row("LOG_LEVEL", "INFO", "Level of the operator's log."),
)

ORIGIN_FILE = "origin.json"  # whose data directory it is: {public_url, log_origin}
SECRET_WORDS = ("KEY", "SECRET", "TOKEN", "PASSWORD", "URL")


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings as read. Reading a name that is not in the table is a fault of ours."""

    values: Mapping[str, str]
    environment: Mapping[str, str]

    @classmethod
    def read(
        cls, environment: Mapping[str, str] | None = None, overrides: Mapping[str, str] | None = None
    ) -> "Settings":
        """Read the environment once.

        Args:
            environment: variables; the process's own when None.
            overrides: values by table name that win, e.g. from the command line.

        Raises:
            SettingError: a `_FILE` cannot be read, or the data directory's origin.
        """
        found = dict(os.environ if environment is None else environment)
        values = {row.name: _value(found, row.name, "") for row in TABLE} | dict(overrides or {})
        defaults = {row.name: row.default for row in TABLE}
        kept = _origin_of(Path(values["DATA_DIR"] or defaults["DATA_DIR"]))
        return cls({name: values[name] or kept.get(name) or default for name, default in defaults.items()}, found)

    def __getitem__(self, name: str) -> str:
        return self.values[name]

    @property
    def data_dir(self) -> Path:
        """The data directory, made when absent, readable by its owner only."""
        path = Path(self["DATA_DIR"])
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        return path

    @property
    def log_origin(self) -> str:
        """The origin line of the log."""
        return self["LOG_ORIGIN"] or f"{self['PUBLIC_URL'].partition('://')[2]}/log"

    def claim_data_dir(self) -> None:
        """Keep in the data directory whose it is, so that later commands need not be told.

        Raises:
            SettingError: it belongs to another address, or to a log that goes on.
        """
        path = self.data_dir / ORIGIN_FILE
        mine = {"PUBLIC_URL": self["PUBLIC_URL"], "LOG_ORIGIN": self.log_origin}
        kept = _origin_of(self.data_dir)
        if kept == mine:
            return
        moved = [name for name in kept if kept[name] != mine[name]]
        if "LOG_ORIGIN" in moved and not (self.data_dir / "keys" / "log.signed").exists():
            moved.remove("LOG_ORIGIN")  # the old log was closed; see docs/guides/run.md
        if moved:
            told = ", ".join(f"SANDHI_{name}={kept[name]}" for name in moved)
            raise SettingError(
                f"{self.data_dir} was opened with {told}; leave that setting out, or choose another SANDHI_DATA_DIR. "
                f"A gateway that moves on purpose gets its new address in {path}"
            )
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        draft.write_text(json.dumps({name.lower(): value for name, value in mine.items()}) + "\n", encoding="utf-8")
        draft.replace(path)

    @property
    def database_url(self) -> str:
        """The SQLAlchemy URL, SQLite in the data directory by default."""
        return self["DATABASE_URL"] or f"sqlite+aiosqlite:///{self.data_dir.resolve() / 'sandhi.db'}"

    def names(self, name: str) -> frozenset[str]:
        """A comma separated setting as a set."""
        return frozenset(part.strip() for part in self[name].split(",") if part.strip())

    def adapter(self, name: str) -> str:
        """The value of an adapter's `setting:` or `secret:` reference.

        Raises:
            SettingError: it is not set.
        """
        value = _value(self.environment, name, "")
        if not value:
            raise SettingError(f"SANDHI_{name} is not set; set it, or SANDHI_{name}_FILE, to link the adapter")
        return value

    def shown(self) -> dict[str, str]:
        """All settings for people; what may hold a secret is only said to be set."""
        return {name: _redacted(name, value) for name, value in self.values.items()}


def _origin_of(data_dir: Path) -> dict[str, str]:
    path = data_dir / ORIGIN_FILE
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {name: str(found[name.lower()]) for name in ("PUBLIC_URL", "LOG_ORIGIN")}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, LookupError, TypeError):
        raise SettingError(f"{path} cannot be read; restore it, or remove it and set SANDHI_PUBLIC_URL") from None


def _value(environment: Mapping[str, str], name: str, default: str) -> str:
    if path := environment.get(f"SANDHI_{name}_FILE"):
        try:
            return Path(path).read_text(encoding="utf-8").rstrip("\n")
        except OSError as error:
            raise SettingError(f"SANDHI_{name}_FILE cannot be read: {error.strerror}") from error
    return environment.get(f"SANDHI_{name}", default)


def _redacted(name: str, value: str) -> str:
    if name == "DATABASE_URL" and "@" in value:
        return f"{value.split('://', 1)[0]}://(set)@{value.rsplit('@', 1)[1]}"
    return "(set)" if value and name not in {"PUBLIC_URL", "DATABASE_URL"} and name.endswith(SECRET_WORDS) else value
