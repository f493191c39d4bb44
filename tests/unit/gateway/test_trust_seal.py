"""A sealed payload opens as the row it was sealed for, with a key we hold, unaltered; and in no other case."""

import os

import pytest

from gateway.trust.errors import SealBroken
from gateway.trust.seal import Seal

OLD, NEW = os.urandom(32), os.urandom(32)
PAYLOAD = "කමලා 199012345678".encode()


def test_what_is_sealed_opens_again_and_is_not_readable_before() -> None:
    blob = Seal([OLD]).sealed("delivery:1", PAYLOAD)
    assert PAYLOAD not in blob
    assert Seal([OLD]).opened("delivery:1", blob) == PAYLOAD


def test_two_seals_of_one_payload_differ() -> None:
    seal = Seal([OLD])
    assert seal.sealed("a:1", PAYLOAD) != seal.sealed("a:1", PAYLOAD)


def test_after_rotation_the_old_opens_and_the_new_seals() -> None:
    blob = Seal([OLD]).sealed("a:1", PAYLOAD)
    rotated = Seal([NEW, OLD])
    assert rotated.opened("a:1", blob) == PAYLOAD
    with pytest.raises(SealBroken):
        Seal([OLD]).opened("a:1", rotated.sealed("a:1", PAYLOAD))


def test_a_payload_moved_to_another_row_does_not_open() -> None:
    with pytest.raises(SealBroken):
        Seal([OLD]).opened("a:2", Seal([OLD]).sealed("a:1", PAYLOAD))


def test_every_altered_byte_is_noticed() -> None:
    seal = Seal([OLD])
    blob = seal.sealed("a:1", PAYLOAD)
    for place in range(len(blob)):
        altered = blob[:place] + bytes([blob[place] ^ 1]) + blob[place + 1 :]
        with pytest.raises(SealBroken):
            seal.opened("a:1", altered)


@pytest.mark.parametrize("length", [0, 1, 5, 33, 48])
def test_a_cut_payload_does_not_open(length: int) -> None:
    with pytest.raises(SealBroken):
        Seal([OLD]).opened("a:1", Seal([OLD]).sealed("a:1", b"")[:length])


@pytest.mark.parametrize("keys", [[], [b"short"]])
def test_a_key_of_the_wrong_size_is_refused(keys: list[bytes]) -> None:
    with pytest.raises(SealBroken):
        Seal(keys)


def test_a_fingerprint_tells_payloads_apart_and_survives_rotation() -> None:
    before, after = Seal([OLD]), Seal([NEW, OLD])
    assert before.fingerprint(PAYLOAD) == after.fingerprint(PAYLOAD) != before.fingerprint(b"other")
    assert Seal([NEW]).fingerprint(PAYLOAD) != before.fingerprint(PAYLOAD)
