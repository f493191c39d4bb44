"""XML and JSON that want more than to be read. Threats 16, 17 and 22; the readers' own rules are in the unit tests."""

import gc
import json
import re
import resource
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.kit import strict_json, strict_xml
from adapters.kit.strict_json import StrictError

LOL = b"".join(b'<!ENTITY l%d "%s">' % (n, b"&l%d;" % (n - 1) * 10) for n in range(1, 10))
XML: dict[str, bytes] = {
    "a billion laughs": b'<!DOCTYPE a [<!ENTITY l0 "lol">' + LOL + b"]><a>&l9;</a>",
    "quadratic laughs": b'<!DOCTYPE a [<!ENTITY l "' + b"l" * 100_000 + b'">]><a>' + b"&l;" * 50_000 + b"</a>",
    "an entity from a file": b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
    "an entity from a server": b'<!DOCTYPE a [<!ENTITY x SYSTEM "http://127.0.0.1:{port}/">]><a>&x;</a>',
    "a parameter entity": b'<!DOCTYPE a [<!ENTITY % x SYSTEM "http://127.0.0.1:{port}/"> %x;]><a/>',
    "an external document type": b'<!DOCTYPE a SYSTEM "http://127.0.0.1:{port}/a.dtd"><a/>',
    "a public document type": b'<!DOCTYPE a PUBLIC "-//X//EN" "http://127.0.0.1:{port}/a.dtd"><a/>',
    "a document type after spaces": b"\n\n  <!DOCTYPE a><a/>",
    "an attribute default": b'<!DOCTYPE a [<!ATTLIST a b CDATA "&#x6c;">]><a/>',
    "a schema location": b'<a xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:schemaLocation="u '
    b'http://127.0.0.1:{port}/"/>',
    "a location by another prefix": b'<a xmlns:q="http://www.w3.org/2001/XMLSchema-instance" '
    b'q:noNamespaceSchemaLocation="http://127.0.0.1:{port}/"/>',
    "XInclude": b'<a xmlns:q="http://www.w3.org/2001/XInclude"><q:include href="http://127.0.0.1:{port}/"/></a>',
    "XInclude of a text": b'<q:include xmlns:q="http://www.w3.org/2001/XInclude" parse="text" href="/etc/passwd"/>',
    "a style sheet": b'<?xml version="1.0"?><?xml-stylesheet type="text/xsl" href="http://127.0.0.1:{port}/"?><a/>',
    "a million levels": b"<a>" * 300_000,
    "attributes": b"<a " + b" ".join(b'a%d="1"' % n for n in range(90_000)) + b"/>",
    "elements": b"<a>" + b"<b/>" * 200_000 + b"</a>",
    "a long name": b"<" + b"a" * 1_000_000 + b"/>",
    "another encoding": '<?xml version="1.0" encoding="utf-16"?><a/>'.encode("utf-16"),
    "an encoding that hides a document type": b'<?xml version="1.0" encoding="utf-7"?>+ADwAIQ-DOCTYPE a+AD4-<a/>',
    "a second root": b"<a/><a/>",
    "an overlong form": b"<a>\xc0\xbc</a>",
    "a surrogate": b"<a>\xed\xa0\x80</a>",
    "NUL": b"<a>&#0;</a>",
    "too large": b"<a>" + b"x" * 1_100_000 + b"</a>",
}


@pytest.fixture(autouse=True)
def own_garbage() -> Iterator[None]:
    """What other tests left in this process is not looked through while these count its time."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.parametrize("case", XML)
async def test_a_hostile_document_is_refused_without_a_fetch(case: str, canary: object) -> None:
    data = XML[case].replace(b"{port}", str(canary.port).encode())
    before, started = _peak(), time.process_time()
    with pytest.raises(StrictError):
        strict_xml.parse(data)
    assert time.process_time() - started < 2.0
    assert _peak() - before < 64 * 1024
    assert canary.hits == 0


JSON: dict[str, bytes] = {
    "two keys of one name": b'{"a": 1, "a": 2}',
    "two keys of one name by an escape": b'{"a": 1, "\\u0061": 2}',
    "two keys deep inside": b'[[{"b": {"a": 1, "a": 1}}]]',
    "a number that is none": b'{"a": NaN}',
    "an endless number": b'{"a": -Infinity}',
    "a number that becomes endless": b"1e999",
    "four hundred digits": b"1" * 400,
    "a million digits": b"1" * 1_000_000,
    "half a character": b'"\\ud800"',
    "halves the wrong way round": b'"\\udc00\\ud800"',
    "half a character in a key": b'{"\\ud800": 1}',
    "a million levels": b"[" * 500_000,
    "levels of objects": b'{"a":' * 100_000,
    "a hundred levels": b"[" * 100 + b"]" * 100,
    "another encoding": "{}".encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf{}",
    "an overlong form": b'"\xc0\x80"',
    "NUL in a text": b'"\x00"',
    "a line break in a text": b'"a\nb"',
    "something after the end": b"{} {}",
    "a comment": b"{/* */}",
    "a comma at the end": b"[1,]",
    "single quotes": b"{'a': 1}",
    "a leading zero": b"[01]",
    "a plus": b"[+1]",
    "hexadecimal": b"[0x10]",
    "nothing": b"",
    "a space that JSON does not know": b"\x0c{}",
    "too large": b'"' + b"x" * 1_100_000 + b'"',
}


@pytest.mark.parametrize("case", JSON)
def test_json_with_two_readings_is_refused(case: str) -> None:
    started = time.process_time()
    with pytest.raises(StrictError) as caught:
        strict_json.loads(JSON[case])
    assert time.process_time() - started < 2.0
    assert len(str(caught.value)) < 100


OWN_WRITING = {
    "adapters/kit/connector.py": "jwk = json.loads(path.read_bytes())",
    "adapters/kit/coverage.py": "json.loads(sample.expected)",
    "adapters/kit/golden.py": "json.loads(expected)",
    "adapters/kit/sealed_check.py": "json.loads(each.expected)",
    "adapters/kit/showing.py": "json.loads(content)",  # of a request that was made here
    "adapters/kit/strict_json.py": "value = orjson.loads(data)",  # the reader itself
    "adapters/second_wires/tax/adapter.py": "etree.fromstring(etree.tostring(answer))",
    "gateway/edges/v1/audit.py": "orjson.loads(each.value)",
    "gateway/edges/mediator/rooms.py": "orjson.loads(self.seal.opened(",
    "gateway/edges/xroad/shapes.py": "etree.fromstring(xsd)",
}
"""The lines that read golden samples, stored schemas, own keys and what was sealed here: not bytes from outside."""


def test_the_strict_readers_are_the_only_ones_where_bytes_come_from_outside() -> None:
    """The agencies' adapters and the edges. Others read the folder's own files, or what the gateway itself wrote."""
    root = Path(strict_json.__file__).parents[2]
    tolerant = re.compile(r"(?<!strict_)json\.loads?\(|orjson\.loads\(|etree\.(fromstring|parse|XML)\(|request\.json\(")
    files = {path for folder in ("adapters", "gateway/edges") for path in (root / folder).rglob("*.py")}
    ours = {path for path in files if path.parent.name == "untrusted" or path.name == "conformance.py"}
    found = [
        f"{name}: {line.strip()}"
        for path in files - ours
        for name in (path.relative_to(root).as_posix(),)
        for line in path.read_text("utf-8").splitlines()
        if tolerant.search(line) and OWN_WRITING.get(name, "\0") not in line
    ]
    assert found == []


def test_a_document_of_many_small_things_is_read_in_no_time() -> None:
    documents = [json.dumps([{"a": n} for n in range(60_000)]).encode(), b"<a>" + b"<b c='1'/>" * 90_000 + b"</a>"]
    started = time.thread_time()
    strict_json.loads(documents[0])
    strict_xml.parse(documents[1])
    assert time.thread_time() - started < 2.0


def _peak() -> int:
    """The most memory this process ever held, in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
