"""A policy says which witnesses are enough; a checkpoint passes with them and not without."""

from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.cosignature import Cosigner, Witness
from audit.errors import NoteInvalid
from audit.merkle import EMPTY_ROOT
from audit.note import Checkpoint, signed, verifier_of, with_lines
from audit.policy import Policy, policy_text

NOW = datetime(2026, 10, 31, 12, 0, tzinfo=UTC)
KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
COSIGNERS = {
    name: Cosigner(f"{name}.example/w", Ed25519PrivateKey.from_private_bytes(name.encode() * 32)) for name in "abc"
}
NOTE = signed(Checkpoint("gw.example/log", 0, EMPTY_ROOT).text(), "gw.example/log", KEY)
LOG = f"log {verifier_of('gw.example/log', KEY).vkey}"
WITNESSES = "\n".join(f"witness {name} {each.witness.vkey}" for name, each in COSIGNERS.items())


def policy(*lines: str) -> Policy:
    return Policy.from_text("\n".join(("# whom we believe", LOG, WITNESSES, *lines)))


def cosigned_by(names: str) -> bytes:
    text = NOTE.partition(b"\n\n")[0] + b"\n"
    return with_lines(NOTE, [COSIGNERS[name].line(text, NOW) for name in names])


@pytest.mark.parametrize(
    ("names", "good"), [("", False), ("a", False), ("ab", True), ("ca", True), ("abc", True), ("bb", False)]
)
def test_two_of_three(names: str, good: bool) -> None:
    two = policy("group g 2 a b c", "quorum g")
    if good:
        assert {each.name for each in two.check(cosigned_by(names))[1]} == {f"{name}.example/w" for name in names}
        return
    with pytest.raises(NoteInvalid, match="lacks the witnesses"):
        two.check(cosigned_by(names))


@pytest.mark.parametrize(("names", "good"), [("ab", False), ("ac", True), ("bc", True), ("c", False)])
def test_witnesses_of_one_administrator_count_once(names: str, good: bool) -> None:
    nested = policy("group one any a b", "group g all one c", "quorum g")
    assert nested.met(nested.cosigned(cosigned_by(names))) is good


def test_no_quorum_still_demands_the_log() -> None:
    policy("quorum none").check(NOTE)
    foreign = signed(Checkpoint("gw.example/log", 0, EMPTY_ROOT).text(), "gw.example/log", Ed25519PrivateKey.generate())
    with pytest.raises(NoteInvalid):
        policy("quorum none").check(foreign)


def test_forged_cosignature_spoils_the_checkpoint() -> None:
    whole = cosigned_by("ab")
    other = signed(Checkpoint("gw.example/log", 1, b"r" * 32).text(), "gw.example/log", KEY)
    moved = with_lines(other, [line + "\n" for line in whole.decode().splitlines()[-2:]])
    with pytest.raises(NoteInvalid, match="is not over this text"):
        policy("group g 2 a b c", "quorum g").check(moved)


@pytest.mark.parametrize(
    "lines",
    [
        ("quorum",),
        ("quorum nobody",),
        (),
        ("quorum a", "quorum b"),
        ("group g 4 a b c", "quorum g"),
        ("group g 0 a b c", "quorum g"),
        ("group g 2 a a", "quorum g"),
        ("group g 1 later", "quorum g"),
        ("group a 1 b", "quorum a"),
        ("group none 1 b", "quorum none"),
        ("witness d rubbish", "quorum d"),
        (f"witness d {COSIGNERS['a'].witness.vkey}", "quorum d"),
        ("trust everybody", "quorum none"),
    ],
)
def test_broken_policy_is_refused(lines: tuple[str, ...]) -> None:
    with pytest.raises(NoteInvalid, match="policy"):
        policy(*lines)


def test_policy_for_a_verifier_has_the_keys_of_the_log_and_the_witnesses() -> None:
    ours = Policy.from_text(f"{WITNESSES}\ngroup g 2 a b c\nquorum g")
    theirs = Policy.from_text(policy_text([LOG.split()[1]], ours))
    assert theirs.check(cosigned_by("ab"))[0].size == 0
    assert Policy.from_text(policy_text([LOG.split()[1]], Policy())).check(NOTE)[0].size == 0


def test_witness_key_of_the_specification_reads_back_and_a_log_key_is_none() -> None:
    witness = COSIGNERS["a"].witness
    assert Witness.from_vkey(witness.vkey) == witness
    with pytest.raises(NoteInvalid, match="key type 4"):
        Witness.from_vkey(LOG.split()[1])
