"""Every way the log can fail.

AuditError
├── EntryInvalid                the entry can never be logged as it is (too long, not JSON, no time zone)
│   └── EntryConflict           its id is in the log with other content
├── LogUnavailable              not durable in time: the caller must not go on (503, safe to retry)
├── UnsafeDurability            the database may lose what it acknowledged; the text names the setting
├── DetailErased                the details are gone for good; the entry and its proof remain
├── Held                        a legal hold forbids to erase it
├── NotInLog                    no such entry, tile or checkpoint
├── NoteInvalid                 not a signed note, or not signed by a key we know
├── ProofInvalid                a Merkle proof does not lead to the signed root
├── AnchorInvalid               a time stamp does not hold
├── Unreachable                 a witness or a time-stamping authority does not answer
├── SignerRefused               signing would contradict what was signed before: stop, and ask a person
│   ├── WentBack                the log is shorter than what was signed: a restored backup, a lagging standby
│   └── Forked                  same or greater size, but another history
├── BundleInvalid               not an evidence bundle
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


class DetailErased(AuditError):
    """The details are gone for good."""


class Held(AuditError):
    """A legal hold forbids to erase it."""


class NotInLog(AuditError):
    """The log has no such entry, tile or checkpoint."""


class NoteInvalid(AuditError):
    """Not a signed note, or none of its signatures is by a known key."""


class ProofInvalid(AuditError):
    """The proof does not lead from what it is about to the root."""


class AnchorInvalid(AuditError):
    """A time stamp does not hold."""


class Unreachable(AuditError):
    """A witness or a time-stamping authority does not answer."""


class SignerRefused(AuditError):
    """Signing would contradict an earlier signature."""


class WentBack(SignerRefused):
    """The log is shorter than what was signed before."""


class Forked(SignerRefused):
    """The log does not contain what was signed before."""


class BundleInvalid(AuditError):
    """Not an evidence bundle."""


class SourceUnreadable(AuditError):
    """The place to be checked cannot be read."""
