"""Signed notes, verifier keys and checkpoints, against the specification's own vector and OpenSSL's Ed25519."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.errors import NoteInvalid
from audit.merkle import EMPTY_ROOT
from audit.note import Checkpoint, Verifier, opened, signed, verifier_of

KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
OTHER = Ed25519PrivateKey.from_private_bytes(b"o" * 32)
NAME = "gw.example.gov/log"
TEXT = Checkpoint(NAME, 0, EMPTY_ROOT).text()
NOTE = signed(TEXT, NAME, KEY)
OURS = [verifier_of(NAME, KEY)]


def test_verifier_key_of_the_specification_is_read_and_written() -> None:
    vkey = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
    assert Verifier.from_vkey(vkey).vkey == vkey


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "example.com/foo",
        "example.com/foo+530d903b+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/bar+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530d903a+BOkyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530d903a+not base64",
        "exa mple+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
    ],
)
def test_damaged_verifier_key_is_refused(vkey: str) -> None:
    with pytest.raises(NoteInvalid):
        Verifier.from_vkey(vkey)


def test_signed_checkpoint_is_read_back() -> None:
    assert Checkpoint.from_note(NOTE, OURS) == Checkpoint(NAME, 0, EMPTY_ROOT)


def test_signature_is_over_the_text_and_carries_the_key_id() -> None:
    line = NOTE.decode().split("\n")[-2]
    raw = base64.b64decode(line.removeprefix(f"— {NAME} "))
    assert raw[:4] == OURS[0].key_id
    KEY.public_key().verify(raw[4:], TEXT.encode())


def test_unknown_signatures_are_ignored_so_that_witnesses_may_join() -> None:
    witness = signed(TEXT, "witness.example/w1", OTHER).decode().split("\n")[-2]
    assert opened(NOTE + f"{witness}\n".encode() * 20, OURS) == TEXT


def test_bad_signature_by_a_known_key_rejects_the_whole_note() -> None:
    bad = signed(TEXT.replace("0", "1"), NAME, KEY).decode().split("\n")[-2]
    with pytest.raises(NoteInvalid, match="not over this text"):
        opened(NOTE + f"{bad}\n".encode(), OURS)


def test_note_without_a_known_signature_is_refused() -> None:
    with pytest.raises(NoteInvalid, match="no signature"):
        opened(NOTE, [verifier_of(NAME, OTHER)])


@pytest.mark.parametrize(
    "note",
    [
        b"",
        b"no signature\n",
        NOTE[:-1],
        NOTE.replace("—".encode(), b"-"),
        NOTE + b"\xff",
        NOTE.replace(b"\n0\n", b"\n1\n"),
        NOTE.replace(b"\n0\n", b"\n0\r\n"),
        NOTE + f"— {NAME} AAAA\n".encode(),
        NOTE + b"x" * 1_000_001,
    ],
)
def test_damaged_note_is_refused(note: bytes) -> None:
    with pytest.raises(NoteInvalid):
        opened(note, OURS)


@pytest.mark.parametrize("text", ["", "a\n1\n", "a\n01\nAA==\n", "a\n-1\nAA==\n", "a\n1\nAA==\n", "\n1\nAA==\n"])
def test_text_that_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(NoteInvalid):
        Checkpoint.from_text(text)


def test_checkpoint_of_another_origin_is_refused_even_if_we_know_the_key() -> None:
    foreign = signed(Checkpoint("else.example/log", 0, EMPTY_ROOT).text(), NAME, KEY)
    with pytest.raises(NoteInvalid, match="origin"):
        Checkpoint.from_note(foreign, OURS)


def test_text_without_newline_and_name_with_space_cannot_be_signed() -> None:
    with pytest.raises(NoteInvalid):
        signed("no newline", NAME, KEY)
    with pytest.raises(NoteInvalid):
        signed(TEXT, "a name", KEY)
