"""A log that nobody can quietly change: RFC 6962 tree, C2SP tlog-tiles, signed checkpoints. See README.md."""

from .entry import Entry, Receipt, commit, new_id, subject_pseudonym
from .errors import (
    AuditError,
    EntryConflict,
    EntryInvalid,
    LogUnavailable,
    NotInLog,
    SignerRefused,
    UnsafeDurability,
)
from .log import Log
from .lookup import Found, Logged, OpenIntent, Wanted
from .memory import FileMemory, TableMemory
from .signer import Signer

__all__ = [
    "AuditError",
    "Entry",
    "EntryConflict",
    "EntryInvalid",
    "FileMemory",
    "Found",
    "Log",
    "LogUnavailable",
    "Logged",
    "NotInLog",
    "OpenIntent",
    "Receipt",
    "Signer",
    "SignerRefused",
    "TableMemory",
    "UnsafeDurability",
    "Wanted",
    "commit",
    "new_id",
    "subject_pseudonym",
]
