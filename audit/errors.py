"""Every way the log can fail.

AuditError
├── EntryInvalid                the entry can never be logged as it is (too long, not JSON, no time zone)
│   └── EntryConflict           its id is in the log with other content
├── LogUnavailable              not durable in time: the caller must not go on (503, safe to retry)
├── UnsafeDurability            the database may lose what it acknowledged; the text names the setting
├── NotInLog                    no such entry, tile or checkpoint
├── NoteInvalid                 not a signed note, or not signed by a key we know
├── ProofInvalid                a Merkle proof does not lead to the signed root
├── SignerRefused               signing would contradict what was signed before: stop, and ask a person
│   ├── WentBack                the log is shorter than what was signed: a restored backup, a lagging standby
│   └── Forked                  same or greater size, but another history
└── SourceUnreadable            fsck cannot read what it shall check

No text carries an entry's content: `LogUnavailable` says what to do, the rest says where.
"""


class AuditError(Exception):
    """Base of every error of this package."""


class EntryInvalid(AuditError):
    """The entry can never be logged as it is."""


class EntryConflict(EntryInvalid):
    """Another entry with this id is in the log."""


class LogUnavailable(AuditError):
    """The entry is not known to be durable, so what it records must not happen."""


class UnsafeDurability(AuditError):
    """The database is set up so that it may lose what it acknowledged."""


class NotInLog(AuditError):
    """The log has no such entry, tile or checkpoint."""


class NoteInvalid(AuditError):
    """Not a signed note, or none of its signatures is by a known key."""


class ProofInvalid(AuditError):
    """The proof does not lead from what it is about to the root."""


class SignerRefused(AuditError):
    """Signing would contradict an earlier signature."""


class WentBack(SignerRefused):
    """The log is shorter than what was signed before."""


class Forked(SignerRefused):
    """The log does not contain what was signed before."""


class SourceUnreadable(AuditError):
    """The place to be checked cannot be read."""
