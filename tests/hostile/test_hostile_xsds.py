"""XML Schemas written to hang us or to reach out: each is refused by name, with the line. Threats 17 and 19."""

import time
from pathlib import Path

import pytest
from lxml import etree

import schemas
from adapters.kit.untrusted import ProgramRefused, checked_xsd

HEAD = '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">\n'


def xsd(inside: str) -> bytes:
    return f"{HEAD}{inside}\n</xs:schema>".encode()


def element(inside: str) -> bytes:
    return xsd(f'<xs:element name="a"><xs:complexType>\n{inside}\n</xs:complexType></xs:element>')


def pattern(text: str) -> bytes:
    told = text.replace("&", "&amp;").replace("<", "&lt;")
    return xsd(f'<xs:element name="a"><xs:simpleType><xs:restriction base="xs:string">\n<xs:pattern value="{told}"/>\n'
               "</xs:restriction></xs:simpleType></xs:element>")  # fmt: skip


def groups(kind: str, levels: int = 30) -> bytes:
    """Each group is the one below, twice."""
    leaf = '<xs:sequence><xs:element name="e"/></xs:sequence>' if kind == "group" else '<xs:attribute name="e"/>'
    told = [f'<xs:{kind} name="g0">{leaf}</xs:{kind}>']
    for level in range(1, levels + 1):
        twice = f'<xs:{kind} ref="g{level - 1}"/>' * 2
        inside = f"<xs:sequence>{twice}</xs:sequence>" if kind == "group" else twice
        told.append(f'<xs:{kind} name="g{level}">{inside}</xs:{kind}>')
    return xsd("\n".join(told))


def unions(levels: int = 30) -> bytes:
    told = ['<xs:simpleType name="u0"><xs:union memberTypes="xs:string xs:int"/></xs:simpleType>']
    told += [
        f'<xs:simpleType name="u{n}"><xs:union memberTypes="u{n - 1} u{n - 1}"/></xs:simpleType>'
        for n in range(1, levels + 1)
    ]
    return xsd("\n".join(told) + f'<xs:element name="a" type="u{levels}"/>')


MANY = "".join(f'<xs:element name="e{n}" minOccurs="0"/>' for n in range(3000))
ATTRIBUTE = '<xs:attribute name="i"/>'
REFUSED: dict[str, tuple[str, bytes]] = {
    "an include": ("outside", xsd('<xs:include schemaLocation="http://127.0.0.1:{port}/x.xsd"/>')),
    "a redefinition": ("outside", xsd('<xs:redefine schemaLocation="http://127.0.0.1:{port}/x.xsd"/>')),
    "an override": ("outside", xsd('<xs:override schemaLocation="x.xsd"/>')),
    "a type of an import": (
        "schema",
        xsd('<xs:import namespace="urn:x" schemaLocation="http://127.0.0.1:{port}/x.xsd"/>'
            '<xs:element name="a" xmlns:x="urn:x" type="x:t"/>'),
    ),
    "a schema location": (
        "xml",
        b'<s xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:schemaLocation="u http://127.0.0.1:{port}/x.xsd"/>',
    ),
    "a document type": ("xml", b'<!DOCTYPE s SYSTEM "http://127.0.0.1:{port}/x.dtd">' + xsd("")),
    "an entity": ("xml", b'<!DOCTYPE s [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + xsd("&x;")),
    "a style sheet": ("xml", b'<?xml-stylesheet href="http://127.0.0.1:{port}/"?>' + xsd("")),
    "XInclude": (
        "xml",
        xsd('<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="http://127.0.0.1:{port}/"/>'),
    ),
    "an assertion": ("xsd_1_1", element('<xs:sequence/><xs:assert test="every $x in 1 to 999999999 satisfies $x"/>')),
    "an assertion on a value": (
        "xsd_1_1",
        xsd('<xs:simpleType name="t"><xs:restriction base="xs:string"><xs:assertion test="true()"/>'
            "</xs:restriction></xs:simpleType>"),
    ),
    "an alternative": ("xsd_1_1", xsd('<xs:element name="a"><xs:alternative test="@x" type="xs:int"/></xs:element>')),
    "open content": ("xsd_1_1", element("<xs:openContent><xs:any/></xs:openContent>")),
    "another version": (
        "xsd_1_1",
        xsd('<xs:element xmlns:vc="http://www.w3.org/2007/XMLSchema-versioning" vc:minVersion="1.1" name="a"/>'),
    ),
    "a key": (
        "identity",
        xsd('<xs:element name="a"><xs:key name="k"><xs:selector xpath=".//*"/><xs:field xpath="@i"/></xs:key>'
            "</xs:element>"),
    ),
    "uniqueness": (
        "identity",
        xsd('<xs:element name="a"><xs:unique name="k"><xs:selector xpath="*"/><xs:field xpath="."/></xs:unique>'
            "</xs:element>"),
    ),
    "too many occurrences": ("occurs", element('<xs:sequence><xs:element name="b" maxOccurs="10001"/></xs:sequence>')),
    "too many needed": (
        "occurs",
        element('<xs:sequence minOccurs="99999999999999" maxOccurs="unbounded"><xs:any/></xs:sequence>'),
    ),
    "occurrences below nothing": ("occurs", element('<xs:sequence minOccurs="-1"><xs:any/></xs:sequence>')),
    "a long enumeration": (
        "enumeration",
        xsd('<xs:simpleType name="t"><xs:restriction base="xs:string">'
            + "".join(f'<xs:enumeration value="v{n}"/>' for n in range(1001)) + "</xs:restriction></xs:simpleType>"),
    ),
    "groups of groups": ("model", groups("group")),
    "attribute groups of attribute groups": ("model", groups("attributeGroup")),
    "a chain of groups": (
        "model",
        xsd(
            '<xs:group name="g4000"><xs:sequence/></xs:group>'
            + "".join(
                f'<xs:group name="g{n}"><xs:sequence><xs:group ref="g{n + 1}"/></xs:sequence></xs:group>'
                for n in range(4000)
            )
        ),
    ),
    "a group of itself": ("model", xsd('<xs:group name="g"><xs:sequence><xs:group ref="g"/></xs:sequence></xs:group>')),
    "a type of itself": (
        "model",
        xsd('<xs:complexType name="t"><xs:complexContent><xs:extension base="t"><xs:sequence/></xs:extension>'
            "</xs:complexContent></xs:complexType>"),
    ),
    "unions of unions": ("schema", unions()),
    "three thousand optional parts": ("schema", element(f"<xs:sequence>{MANY}</xs:sequence>")),
    "two readings of one document": (
        "schema",
        element('<xs:choice><xs:element name="b"/>'
                '<xs:sequence><xs:element name="b"/><xs:element name="c"/></xs:sequence></xs:choice>'),
    ),
    "an unknown type": ("schema", xsd('<xs:element name="a" type="xs:nothing"/>')),
    "something else": ("not_xsd", b"<html/>"),
    "no XML": ("xml", b"schema"),
    "too large": ("xml", xsd("<!--" + "x" * 1_100_000 + "-->")),
    "too many elements": ("too_large", xsd("<xs:annotation/>" * 20_001)),
    "too deep": ("xml", xsd("<xs:annotation>" * 70)),
    "nested plus": ("pattern", pattern("(a+)+")),
    "nested star": ("pattern", pattern("([a-z]*)*0")),
    "one letter or two": ("pattern", pattern("(a|aa)+")),
    "alternatives that repeat": ("pattern", pattern("(a|b|ab)*c")),
    "anything twice": ("pattern", pattern(".*.*x")),
    "optional parts that repeat": ("pattern", pattern("(a?){30}a{30}")),
    "bounds within bounds": ("pattern", pattern("((a{0,99}){0,99}){0,99}")),
    "many bounded parts": ("pattern", pattern("a{0,99}a{0,99}a{0,99}")),
    "a high bound": ("pattern", pattern("a{1,99999}")),
    "a bound that is none": ("pattern", pattern("a{9999999999999999999}")),
    "lookahead": ("pattern", pattern("(?=a)a")),
    "a back-reference": ("pattern", pattern(r"(a)\1")),
    "an open class": ("pattern", pattern("[a-z")),
    "an open property": ("pattern", pattern(r"\p{L")),
    "an open group": ("pattern", pattern("(" * 500)),
    "a long pattern": ("pattern", pattern("a" * 1001)),
}  # fmt: skip
LIMITED = {"unions of unions", "three thousand optional parts"}  # cut by the processor time of the sealed process


@pytest.mark.parametrize("case", REFUSED)
async def test_a_hostile_schema_is_refused_at_once(case: str, canary: object) -> None:
    code, text = REFUSED[case]
    started = time.perf_counter()
    with pytest.raises(ProgramRefused) as caught:
        checked_xsd(text.replace(b"{port}", str(canary.port).encode()), "their.xsd")
    assert time.perf_counter() - started < (20.0 if case in LIMITED else 10.0)
    assert caught.value.code == code
    assert str(caught.value).startswith("their.xsd")
    assert canary.hits == 0


def test_the_line_is_that_of_the_fault() -> None:
    with pytest.raises(ProgramRefused, match=r"^their\.xsd:3: ") as caught:
        checked_xsd(pattern("(a+)+"), "their.xsd")
    assert caught.value.line == 3


USUAL = (
    r"\d{11}",
    r"[A-Z]{2}\d{4,6}",
    r"(\d{3}-)*\d{3}",
    r"[a-zA-Z' ÕÄÖ]+",
    r"\i\c*",
    "M|F|",
    r"[\i-[:]]+",
    r"\p{Lu}?",
)


@pytest.mark.parametrize("text", USUAL)
def test_patterns_of_codes_and_names_are_taken(text: str) -> None:
    assert checked_xsd(pattern(text), trial=False).validate(etree.fromstring("<a>##</a>")) is False


def test_every_vendored_schema_passes_the_trial() -> None:
    text = (schemas.FOLDER / "agency/estonia-xtee/ehis.xsd").read_bytes()
    assert checked_xsd(text, "ehis.xsd") is checked_xsd(text, "ehis.xsd")


def test_a_value_of_a_megabyte_is_judged_in_no_time() -> None:
    for text in (r"[a-z]+", r"(a{3}-)*a{3}", r"a{0,999}b"):
        checker = checked_xsd(pattern(text), trial=False)
        started = time.process_time()
        checker.validate(etree.fromstring("<a>" + "a" * 1_000_000 + "!</a>"))
        assert time.process_time() - started < 2.0


def test_a_document_at_its_limits_is_judged_in_no_time() -> None:
    inner = '<xs:element name="b" minOccurs="0" maxOccurs="9999"/>'
    for _ in range(4):
        inner = f'<xs:sequence minOccurs="0" maxOccurs="9999">{inner}</xs:sequence>'
    checker = checked_xsd(element(inner))
    document = etree.fromstring("<a>" + "<b/>" * 99_000 + "<c/></a>")
    started = time.process_time()
    assert checker.validate(document) is False
    assert time.process_time() - started < 2.0


def test_xmlschema_s_own_shortcuts_are_not_used() -> None:
    """`xmlschema.validate(document, schema)` fetches what the document's schemaLocation names."""
    kit = Path(schemas.FOLDER).parent
    files = [path for folder in ("adapters", "gateway") for path in (kit / folder).rglob("*.py")]
    assert [path for path in files if "import xmlschema" in path.read_text("utf-8")] == []
