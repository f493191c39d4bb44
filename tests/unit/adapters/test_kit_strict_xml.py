import pytest

from adapters.kit.strict_xml import StrictError, parse

XSI = b'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'


def test_ordinary_documents_are_read() -> None:
    root = parse('<?xml version="1.0" encoding="UTF-8"?><a x="1"><!-- c --><b>සිංහල</b></a>'.encode())
    assert (root.tag, root.get("x"), root.findtext("b"), len(root)) == ("a", "1", "සිංහල", 1)


def test_nil_and_type_are_allowed() -> None:
    assert parse(b"<a " + XSI + b' xsi:nil="true"/>').tag == "a"
    assert parse(b"<a " + XSI + b' xsi:type="string"/>').tag == "a"


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (b"<!DOCTYPE a><a/>", "document type"),
        (b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>', "document type"),
        (b'<!DOCTYPE a SYSTEM "http://127.0.0.1/x.dtd"><a/>', "document type"),
        (b"<a>&x;</a>", "not well-formed"),
        (b'<?xml-stylesheet href="http://127.0.0.1/"?><a/>', "processing instruction"),
        (b"<a><?php x?></a>", "processing instruction"),
        (b"<a/><?after x?>", "processing instruction"),
        (b'<a xmlns:i="http://www.w3.org/2001/XInclude"><i:include href="file:///etc/passwd"/></a>', "XInclude"),
        (b"<a " + XSI + b' xsi:schemaLocation="u http://127.0.0.1/x.xsd"/>', "schema location"),
        (b"<a><b " + XSI + b' xsi:noNamespaceSchemaLocation="http://127.0.0.1/"/></a>', "schema location"),
        (b"<a>" * 65 + b"</a>" * 65, "nested deeper"),
        (b"<a>" * 5000, "nested deeper"),
        (b"<a " + b" ".join(b'a%d="1"' % n for n in range(257)) + b"/>", "attributes"),
        (b"<a>" + b"<b/>" * 100_000 + b"</a>", "elements"),
        ("<a/>".encode("utf-16"), "not UTF-8"),
        (b"<a>\xff</a>", "not UTF-8"),
        (b"\xef\xbb\xbf<a/>", "not plain UTF-8"),
        (b'<?xml version="1.0" encoding="utf-7"?><a/>', "encoding"),
        (b'<?xml version="1.0" encoding="ISO-8859-1"?><a/>', "encoding"),
        (b"<a><b></a>", "not well-formed"),
        (b"", "not well-formed"),
        (b"<a/><b/>", "not well-formed"),
    ],
)
def test_a_document_that_could_reach_out_or_blow_up_is_refused(data: bytes, rule: str) -> None:
    with pytest.raises(StrictError, match=rule):
        parse(data)


def test_size_is_checked_before_anything_is_parsed() -> None:
    with pytest.raises(StrictError, match="larger than 4 bytes"):
        parse(b"<a></a>", limit=4)
