"""What an entry may be, and the values derived for it."""

import hashlib
import hmac
import json
import uuid
from datetime import UTC, datetime, timedelta, timezone

import pytest

from audit import Entry, EntryInvalid, Receipt, commit, new_id, subject_pseudonym

NOW = datetime(2026, 10, 31, 12, 0, 0, 5, tzinfo=UTC)
ID = new_id(NOW)


def test_body_is_canonical_and_read_back() -> None:
    entry = Entry(ID, "agreement.recorded", NOW, {"b": 1, "a": "සිංහල"}, nonce="00" * 16)
    body = entry.body()
    assert body.decode() == (
        f'{{"at":"2026-10-31T12:00:00.000005Z","facts":{{"a":"සිංහල","b":1}},"id":"{ID}",'
        f'"kind":"agreement.recorded","nonce":"{"00" * 16}"}}'
    )
    assert Entry.from_body(body) == entry


def test_time_is_written_in_utc_whatever_zone_it_came_in() -> None:
    colombo = timezone(timedelta(hours=5, minutes=30))
    assert b'"at":"2026-10-31T12:00:00.000005Z"' in Entry(ID, "k", NOW.astimezone(colombo), {}).body()


def test_two_entries_that_say_the_same_have_different_bytes_of_128_random_bits() -> None:
    first, second = Entry(ID, "k", NOW, {}), Entry(ID, "k", NOW, {})
    assert first.body() != second.body()
    assert len(bytes.fromhex(json.loads(first.body())["nonce"])) == 16


def test_subject_references_never_reach_the_body() -> None:
    assert b"person-7" not in Entry(ID, "k", NOW, {}, ("person-7",)).body()


@pytest.mark.parametrize(
    "facts",
    [
        {"x": float("nan")},
        {"x": object()},
        {"x": "\ud800"},
        {"x": "a" * 65_536},
        {"consumer": 7},
        {"consumer": "a" * 513},
        {"consumer": "a\0b"},
        {1: "a", "b": "c"},
    ],
)
def test_entry_that_would_poison_a_batch_is_refused_beforehand(facts: dict[str, object]) -> None:
    with pytest.raises(EntryInvalid):
        Entry(ID, "k", NOW, facts).body()


def test_person_reference_that_no_database_can_store_is_refused_beforehand() -> None:
    for reference in ("\ud800", "a\0b", "a" * 513):
        with pytest.raises(EntryInvalid):
            Entry(ID, "k", NOW, {}, (reference,)).body()


def test_deep_facts_are_refused_and_not_a_crash() -> None:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(EntryInvalid):
        Entry(ID, "k", NOW, {"x": deep}).body()


def test_refusal_does_not_repeat_what_the_entry_says() -> None:
    with pytest.raises(EntryInvalid) as refusal:
        Entry(ID, "k", NOW, {"consumer": "secret" * 200}).body()
    assert "secret" not in str(refusal.value)


def test_naive_time_and_foreign_bytes_are_refused() -> None:
    with pytest.raises(EntryInvalid):
        Entry(ID, "k", NOW.replace(tzinfo=None), {}).body()
    for body in (b"", b"[]", b"{}", b'{"id":"x"}', b"\xff"):
        with pytest.raises(EntryInvalid):
            Entry.from_body(body)


def test_largest_entry_fits_a_bundle() -> None:
    empty = len(Entry(ID, "k", NOW, {"x": ""}).body())
    assert len(Entry(ID, "k", NOW, {"x": "a" * (65_535 - empty)}).body()) == 65_535


def test_new_id_is_a_version_7_uuid_ordered_by_time() -> None:
    early, late = new_id(NOW), new_id(NOW + timedelta(milliseconds=1))
    assert (early.version, early.variant) == (7, uuid.RFC_4122)
    assert early < late
    assert early.int >> 80 == int(NOW.timestamp() * 1000)
    assert new_id().version == 7


def test_pseudonym_is_an_hmac_that_differs_in_every_entry() -> None:
    expected = hmac.new(b"ref", str(ID).encode(), hashlib.sha256).hexdigest()
    assert subject_pseudonym("ref", ID) == subject_pseudonym(b"ref", str(ID)) == expected
    assert subject_pseudonym("ref", new_id(NOW)) != expected


def test_commitment_is_salted_and_bound_to_its_tag() -> None:
    salt = b"s" * 32
    assert commit("request", salt, b"x") == hashlib.sha256(b"request\0" + salt + b"x").hexdigest()
    with pytest.raises(EntryInvalid):
        commit("request", b"short", b"x")
    with pytest.raises(EntryInvalid):
        commit("re\0quest", salt, b"x")


def test_receipt_reads_as_log_place_entry() -> None:
    assert str(Receipt("gw.example.gov/log", 7, str(ID))) == f"gw.example.gov/log:7:{ID}"
