"""Every setting of the gateway, in one table: name, default, help. Read once, frozen afterwards.

The environment variable is `SANDHI_<NAME>`; `SANDHI_<NAME>_FILE` names a file that holds the value
(for secrets mounted by an orchestrator). Settings of adapters (`setting:TAX_URL` in a manifest) are
read the same way and belong to the adapter's manifest, not to this table.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import NamedTuple

from .secret import Secret


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
        "DATABASE_CONNECTIONS",
        "24",
        "PostgreSQL: the most connections that this process opens, 8 or more. All processes share its max_connections.",
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
    Row(
        "UDS", "", "Unix socket to listen on instead, for the proxy on this machine that ends the TLS (deploy/haproxy)."
    ),
    Row(
        "EDGE_SECRET",
        "",
        "What a proxy on TCP must send in Sandhi-Edge-Secret for its Client-Cert to count; 32 or more.",
    ),
    Row("METRICS_TOKEN", "", "Bearer token that `/metrics` asks for; empty: it answers on this machine alone."),
    Row("TLS_CERT", "", "PEM file of the server's certificate chain; set, the gateway ends the TLS itself."),
    Row("TLS_KEY", "", "PEM file of its private key; empty: in the file of the certificate."),
    Row("TLS_CLIENT_CA", "", "PEM file of the CA whose client certificates are let in; empty: none is asked for."),
    Row(
        "TLS_CLIENT", "required", "`required`: no connection without a client certificate; `optional`: people come too."
    ),
    Row("HOSTS", "", "Names that Host may have, comma separated, or *; empty: with TLS that of PUBLIC_URL, else any."),
    Row("HEADER_TIMEOUT", "5", "Seconds that the head of a request, or silence on a new connection, may take."),
    Row("BODY_TIMEOUT", "15", "Seconds that a body may take at any pace."),
    Row("BODY_RATE", "32768", "Bytes a second that a body must have kept on average after that."),
    Row("CONNECTIONS", "2000", "Connections that may be open at once."),
    Row("PROFILE", "lk", "Country profile: a folder of `profiles/`, or a path."),
    Row("WITHOUT", "", "Adapters that this deployment shall not link, comma separated."),
    Row("ADAPTERS_DIR", "", "Folder of further adapters beside the built-in ones."),
    Row("CONNECTORS", "", "Adapters whose agency runs them itself and dials in (see its guide), comma separated."),
    Row("LOG_ORIGIN", "", "Origin line of the log; empty: PUBLIC_URL without its scheme, then /log."),
    Row("LOG_WITNESSES", "", "File of the witness policy (C2SP tlog-policy): who cosigns the log, and how many must."),
    Row("LOG_WATCHES", "", "File of `log VKEY` lines: the logs that this gateway cosigns, at /log/witness/."),
    Row("LOG_TIME_STAMPS", "", "Addresses of RFC 3161 time-stamping authorities, comma separated; asked every hour."),
    Row("LOG_TIME_STAMPS_CA", "", "PEM file of the certificates that their replies must lead to."),
    Row("LOG_STOP_HOURS", "4", "Hours after which exchanges stop if nobody outside vouches for the log; 0: never."),
    Row("LOG_STANDBY", "0", "`1`: sign only what a synchronous standby of PostgreSQL has on its disk."),
    Row("LOG_YEARLY", "1", "`1`: each year gets a log of its own, chained to the one before; `0`: one log for ever."),
    Row(
        "XROAD_NEW_CODES",
        "",
        "Members that read X-Road's error codes as from 7.8.0 on (`LK/GOV/WBB`, comma separated; `*`: all).",
    ),
    Row("LOG_PUBLIC", "hashes", "What /log serves to everyone: `hashes`, or `entries` too."),
    Row(
        "ALLOWED_HOSTS",
        "",
        "host:port pairs that may be dialled although private, in plain HTTP, or on an unusual port; comma separated.",
    ),
    Row("WORKER", "inside", "`inside`: jobs run within `serve`; `apart`: only `sandhi worker` runs them."),
    Row("BATCH_LINES", "100000", "The most lines one batch may have."),
    Row(
        "LIMIT_RATE", "5000", "Calls a second of one system, twice as many in a burst; 0: any. Its policy goes before."
    ),
    Row("LIMIT_CONCURRENT", "256", "Calls at once of one system; 0: any. Its policy goes before."),
    Row("LIMIT_TOTAL", "1024", "Calls at once of all systems; used up, each has an equal part. 0: any."),
    Row("LIMIT_AGREEMENT_RATE", "0", "Exchanges a second between two members, in equal parts for systems; 0: any."),
    Row("LIMIT_AGREEMENT_CONCURRENT", "256", "Exchanges at once between two members, shared likewise; 0: any."),
    Row(
        "LIMIT_PEER_RATE",
        "50",
        "Calls a second of one address or certificate at the token endpoint and the pages, and of one officer; "
        "four times as many in a burst; 0: any.",
    ),
    Row(
        "PERSON_RATE",
        "60",
        "Questions a minute of one person about their own data, and of an officer who helps; 0: any.",
    ),
    Row("ASSISTED_PEOPLE", "40", "Different people a day whom one officer may help with their own data."),
    Row("BREACH_HOURS", "72", "Hours from learning of a breach until the authority must be told."),
    Row("EXCHANGE_DEADLINE", "30", "Seconds one synchronous exchange may take."),
    Row(
        "HIDDEN_FLOOR_MS",
        "150",
        "Milliseconds that an exchange takes at least where the agreement gives no right to know existence; 0: none.",
    ),
    Row("MISS_ALARM", "50", "Misses of one consumer in an hour that raise an alarm; 0: none."),
    Row("MISS_RATE", "0.5", "But only if they are more than this part of what it asked."),
    Row("EMERGENCY_REVIEW_HOURS", "72", "Hours within which somebody has to review each use in an emergency."),
    Row(
        "DETAILS_KEPT_DAYS",
        "365",
        "How long the case reference in clear is kept beside the log where the agreement names no data life; days.",
    ),
    Row("RESULTS_KEPT_HOURS", "24", "How long the results of a batch can be fetched before they are erased."),
    Row(
        "KEYSTORE_KEY",
        "",
        "Encrypts the files below DATA/keys: 32 random bytes in base64; two of them, newest first, while it changes.",
    ),
    Row("KEYSTORE_PASSPHRASE", "", "The same from a passphrase of 16 characters or more, by scrypt."),
    Row("PKCS11_MODULE", "", "Library of a security module that shall hold the keys for tokens, messages and log."),
    Row("PKCS11_TOKEN_LABEL", "", "Label of the token in that module."),
    Row("PKCS11_PIN", "", "PIN of the token's user."),
    Row("LOG_LEVEL", "INFO", "Level of the operator's log."),
    Row(
        "OIDC_ISSUER",
        "",
        "Issuer of the identity provider that vouches for officers; empty or `built-in`: accounts of this gateway.",
    ),
    Row("OIDC_CLIENT_ID", "", "The gateway's name at that provider."),
    Row("OIDC_CLIENT_SECRET", "", "The gateway's secret at that provider."),
    Row(
        "OIDC_CITIZEN_CLAIM",
        "",
        "The claim with a person's identity number, if that provider vouches for citizens too.",
    ),
    Row("OIDC_PROVIDERS", "", "TOML file of several identity providers; see docs/guides/people.md."),
    Row("PRODUCTION", "0", "`1`: what is for laptops only is refused, such as the built-in identity provider."),
)

ORIGIN_FILE = "origin.json"  # whose data directory it is: {public_url, log_origin}
SECRET_WORDS = ("KEY", "SECRET", "TOKEN", "PASSWORD", "PASSPHRASE", "PIN", "URL")


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings as read. Reading a name that is not in the table is a fault of ours."""

    values: Mapping[str, str] = field(repr=False)
    environment: Mapping[str, str] = field(repr=False)

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

    def secret(self, name: str) -> Secret:
        """A setting that must not be seen by accident."""
        return Secret(self.values[name])

    @property
    def is_production(self) -> bool:
        """Whether what is for laptops only is refused."""
        return self["PRODUCTION"] == "1"

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

    def number(self, name: str, most: float = inf) -> float:
        """A setting that is a finite number from 0 to `most`.

        Raises:
            SettingError: it is none.
        """
        try:
            found = float(self[name])
        except ValueError:
            found = -1.0
        if not 0 <= found <= most or found == inf:
            raise SettingError(f"SANDHI_{name} is a number, " + ("0 or more" if most == inf else f"from 0 to {most:g}"))
        return found

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

    def has(self, name: str) -> bool:
        """Whether anything is set for such a reference."""
        return any(self.environment.get(f"SANDHI_{name}{end}") for end in ("", "_FILE"))

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
