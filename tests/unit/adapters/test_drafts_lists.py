"""A pasted answer with a list: all of its entries are looked at, and a field is recognised by how it is written."""

import json

from adapters.kit.drafts.drafting import drafted
from adapters.kit.drafts.sample import from_sample

JOB = {"code": "LK-11-J-0001", "kind": "job", "title": "Machine operator", "places": 4}
COURSE = {"code": "LK-11-T-0002", "kind": "training", "title": "Welding", "places": 0, "startsOn": "2026-11-16"}
ANSWER = {"office": "LK-11", "asOf": "2026-10-31", "offers": [JOB, COURSE]}


def test_the_pasted_answer_of_two_unlike_entries_becomes_a_record() -> None:
    source = from_sample(json.dumps(ANSWER).encode())
    draft = drafted(source, "offices", service="offers", record="canonical/employment-offers.v1.json")
    assert draft.unmet == []
    golden = draft.files["samples/an_answer.golden"].decode()
    _, _, told = golden.partition("---------- record\n")
    assert json.loads(told) == {
        "office": "LK-11",
        "offers": [JOB, {"starts" if name == "startsOn" else name: value for name, value in COURSE.items()}],
    }


def test_a_list_is_told_once_with_the_codes_of_all_and_what_one_lacks_is_optional() -> None:
    told = {each.pointer: each for each in from_sample(json.dumps(ANSWER).encode()).told}
    assert told["/offers/kind"].choices == ("job", "training")
    assert (told["/offers/startsOn"].optional, told["/offers/code"].optional) == (True, False)
    mixed = {"rows": [{"n": 1, "x": None, "in": [{"y": 1}]}, {"n": 2.5, "x": "a", "in": []}]}
    kinds = {each.pointer: (each.kind, each.optional) for each in from_sample(json.dumps(mixed).encode()).told}
    assert kinds == {"/rows/n": ("decimal", False), "/rows/x": ("text", True), "/rows/in/y": ("integer", False)}
