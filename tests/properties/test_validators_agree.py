"""The fast validators give the verdicts of the slow ones, over good messages and nearly good ones."""

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import jsonschema
import pytest
import xmlschema
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

import schemas
from adapters.kit import golden
from adapters.kit import manifest as manifests
from adapters.kit.discovery import discover
from adapters.kit.transports.xroad import load_schema

XSD = schemas.FOLDER / "agency/estonia-xtee/liiklusregister.xsd"
ODD = [None, True, 0, -1, 10**12, 1.5, "", " ", "x", "2026-02-30", "2026-02-28", "\u0d9a", [], {}, [{}], {"a": 1}]


def records() -> Iterator[tuple[str, Any]]:
    """The records that golden samples expect, with the schema of each; those are good messages."""
    for folder in discover().values():
        services = manifests.load(folder).services
        for sample in golden.load(folder):
            if sample.result == "record":
                service = services[sample.service or next(iter(services))]
                yield service.record_schema, json.loads(sample.expected)


GOOD = list(records())
CHECKER = jsonschema.Draft202012Validator.FORMAT_CHECKER


def slow(name: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(schemas.load(name), format_checker=CHECKER)


SLOW = {name: slow(name) for name, _ in GOOD}


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in inside:
        yield from places(below, (*path, key))


def mutated(draw: st.DrawFn, value: Any) -> Any:
    """The value with up to three members replaced, removed or added."""
    changed = deepcopy(value)
    for _ in range(draw(st.integers(0, 3))):
        *above, last = draw(st.sampled_from([each for each in places(changed) if each] or [("",)]))
        holder = changed
        for key in above:
            holder = holder[key]
        act = draw(st.sampled_from(["replace", "remove", "add"]))
        if act == "remove" and isinstance(holder, dict | list) and last in places_of(holder):
            del holder[last]
        elif act == "add" and isinstance(holder, dict):
            holder[draw(st.sampled_from(["state", "more", "code"]))] = deepcopy(draw(st.sampled_from(ODD)))
        elif isinstance(holder, dict) or (isinstance(holder, list) and isinstance(last, int)):
            holder[last] = deepcopy(draw(st.sampled_from(ODD)))
    return changed


def places_of(holder: Any) -> list[Any]:
    return list(holder) if isinstance(holder, dict) else list(range(len(holder)))


@st.composite
def messages(draw: st.DrawFn) -> tuple[str, Any]:
    name, value = draw(st.sampled_from(GOOD))
    return name, mutated(draw, value)


def test_every_good_record_is_good_to_both() -> None:
    assert len(GOOD) > 40
    for name, record in GOOD:
        assert schemas.validator(name).is_valid(record)
        assert SLOW[name].is_valid(record)


def agree(message: tuple[str, Any]) -> None:
    name, value = message
    assert schemas.validator(name).is_valid(value) == SLOW[name].is_valid(value)


@settings(max_examples=300, deadline=None)
@given(messages())
def test_json_is_judged_alike(message: tuple[str, Any]) -> None:
    agree(message)


@pytest.mark.nightly
@settings(max_examples=5_000, deadline=None)
@given(messages())
def test_json_is_judged_alike_many_times(message: tuple[str, Any]) -> None:
    agree(message)


ANSWER = (
    b'<lr:pol_juhtoigusResponse xmlns:lr="http://liiklusregister.x-road.eu"><kood>0</kood><teade/><juhtoigus><juhtoigus>'
    b"<kat>B</kat><oigus>kehtib</oigus><omistatud>01.02.2010</omistatud><voetud_alates/><voetud_kuni/></juhtoigus></juhtoigus>"
    b"</lr:pol_juhtoigusResponse>"
)
STORED = {
    "http://x-road.eu/xsd/xroad.xsd": (schemas.FOLDER / "agency/x-road/xroad.xsd").as_uri(),
    "https://www.w3.org/2009/01/xml.xsd": (schemas.FOLDER / "agency/x-road/xml.xsd").as_uri(),
}
FAST, JUDGE = load_schema(XSD), xmlschema.XMLSchema10(str(XSD), uri_mapper=STORED, allow="local")


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_xml_is_judged_alike(data: st.DataObject) -> None:
    root = etree.fromstring(ANSWER)
    for _ in range(data.draw(st.integers(0, 2))):
        node = data.draw(st.sampled_from(list(root.iter())))
        act = data.draw(st.sampled_from(["text", "drop", "twice", "stranger", "rename"]))
        above = node.getparent()
        if act == "text":
            node.text = data.draw(st.sampled_from(["", "x", "0", " 1 ", "31.02.2010"]))
        elif act == "stranger":
            etree.SubElement(node, "more")
        elif act == "rename":
            node.tag = "more"
        elif above is not None and act == "drop":
            above.remove(node)
        elif above is not None:
            above.append(deepcopy(node))
    assert FAST.validate(root) == JUDGE.is_valid(root)


def test_the_message_that_is_changed_is_good() -> None:
    assert FAST.validate(etree.fromstring(ANSWER))
    assert JUDGE.is_valid(etree.fromstring(ANSWER))
