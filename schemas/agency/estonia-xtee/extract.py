"""Write `ehis.xsd`: the two operations the education adapter uses, cut out of the published WSDL.

Every definition is copied as it stands; what is left out is not reachable from the four
message elements. The two imports keep their addresses: whoever loads the schema maps them
to `../x-road/`. Run from this folder: `python extract.py`.
"""

import gzip
from pathlib import Path

from lxml import etree

XSD = "{http://www.w3.org/2001/XMLSchema}"
MESSAGES = ("tootukassaleKehtivadV2", "tootukassaleKehtivadV2Response", "kmaLopetanud", "kmaLopetanudResponse")
HERE = Path(__file__).parent


def reachable(schema: etree._Element, names: tuple[str, ...]) -> set[str]:
    """Names of all top-level definitions that the named ones need, themselves included."""
    found: set[str] = set()
    todo = list(names)
    while todo:
        name = todo.pop()
        if name in found:
            continue
        found.add(name)
        for definition in schema.xpath("*[@name=$name]", name=name):
            used = [*definition.xpath(".//@type"), *definition.xpath(".//@base"), *definition.xpath(".//@ref")]
            todo.extend(str(each).removeprefix("tns:") for each in used if str(each).startswith("tns:"))
    return found


def main() -> None:
    wsdl = etree.fromstring(gzip.decompress((HERE / "ehis.wsdl.gz").read_bytes()))
    schema = wsdl.find(f".//{XSD}schema")
    assert schema is not None, "the WSDL has no schema"
    keep = reachable(schema, MESSAGES)
    for child in list(schema):
        if child.tag != f"{XSD}import" and child.get("name") not in keep:
            schema.remove(child)
    (HERE / "ehis.xsd").write_bytes(
        etree.tostring(schema, xml_declaration=True, encoding="UTF-8", pretty_print=True) + b"\n"
    )


if __name__ == "__main__":
    main()
