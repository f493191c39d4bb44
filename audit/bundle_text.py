"""The two files of a bundle that people read first."""

from collections.abc import Sequence

from .lookup import Logged
from .wording import sentence

_README = """\
WHAT THIS IS

Evidence about {about}: {count} from a log that nobody can quietly change.
timeline.txt tells what happened, one sentence an entry. The files below entries/ are what was
logged, byte for byte; everything else here is there to prove it.

HOW THE PROOF WORKS, IN WORDS

The log's operator signs a checkpoint: the number of entries and one fingerprint over all of them. If a
single byte of any entry were different, the fingerprint would be. Each file below proofs/ is the
calculation from one entry to that fingerprint. Witnesses (other authorities) sign the same checkpoint only
if it continues the one they saw before; so the operator cannot show you one history and them another.
{anchors}
Times inside entries are the operator's own clock: claimed, not proved.

CHECK IT YOURSELF

1. With the program, on any computer with Python 3.11 and the packages sqlalchemy, cryptography and
   rfc3161-client; no network is needed:

       python -m audit verify THIS_FILE.zip --policy POLICY

   POLICY is the list of keys that you trust, from somewhere else than this file: the operator's published
   keys, the witnesses' own publications. Without --policy the keys in this bundle (policy.txt) are used,
   which shows only that the bundle agrees with itself.

2. With OpenSSL alone, after unpacking: the signature of the operator ...

{openssl}
   ... and the time stamps (exit code 0 means that they hold):

       openssl ts -verify -in anchors/NAME.tsr -data anchors/NAME.checkpoint -CAfile anchors/tsa.pem

3. With any tool that reads C2SP formats (https://c2sp.org): checkpoints/ are tlog-checkpoint notes,
   proofs/ are tlog-proof files, policy.txt is a tlog-policy.

WHAT ELSE IS HERE

policy.txt       the keys of the log and of its witnesses, and how many witnesses are enough
keys/            the same keys, and since which size of the log each was used
disclosures/     details that you may see; each is bound to its entry by a salted fingerprint
lines/           single lines of exchanges about many people, with their own proofs
not-evidence/    copies for spreadsheets and other programs; nothing proves them
manifest.json    the SHA-256 of every file

WHAT IT DOES NOT SAY

It proves that these entries are in the log and when at the latest. It does not prove that there are no
others about the same person: for that an auditor compares the whole log (python -m audit fsck).
"""
_ANCHORED = "A time-stamping authority confirmed the date by which the checkpoint existed (anchors/).\n"
_OPENSSL = (
    "       openssl pkeyutl -verify -pubin -inkey openssl/{log}-1.pub.pem -rawin \\\n"
    "           -in openssl/{log}.body -sigfile openssl/{log}-1.sig\n"
)


def readme(about: str, entries: int, *, log: int, anchored: bool) -> str:
    """README.txt, in plain words, with commands that work in the unpacked folder."""
    count = "1 entry" if entries == 1 else f"{entries} entries"
    return _README.format(
        about=about, count=count, anchors=_ANCHORED if anchored else "", openssl=_OPENSSL.format(log=log)
    )


def timeline(about: str, told: Sequence[tuple[str, Logged]]) -> str:
    """timeline.txt: oldest first, one sentence an entry."""
    lines = [f"What the log says about {about}. Times are claimed by the log's operator (UTC).", ""]
    for origin, each in sorted(told, key=lambda pair: (pair[1].entry.at, pair[1].seq)):
        stamp = each.entry.at.strftime("%Y-%m-%d %H:%M:%S")
        lines += [f"{stamp}  {sentence(each.entry)}", f"{'':21}entry {each.seq} of {origin}", ""]
    return "\n".join(lines)
