"""Write one `.xsd` for each register of `MESSAGES`: the operations the adapters use, cut out of the published WSDLs.

Every definition is copied as it stands; what is left out is not reachable from the message
elements. Imports of X-Road's own schemas keep their addresses: whoever loads a schema maps them
to `../x-road/`. Imports that no kept definition needs are left out. Run from this folder: `python extract.py`.
"""

import gzip
from pathlib import Path

from lxml import etree

XSD = "{http://www.w3.org/2001/XMLSchema}"
XROAD = "http://x-road.eu/xsd/"
MESSAGES = {
    "ehis": ("tootukassaleKehtivadV2", "tootukassaleKehtivadV2Response", "kmaLopetanud", "kmaLopetanudResponse"),
    "liiklusregister": ("pol_juhtoigusRequest", "pol_juhtoigusResponse"),
    "tsd": ("skaSotsmaks", "skaSotsmaksResponse", "xteePalgaandmed", "xteePalgaandmedResponse"),
    "tor": ("TORIK", "TORIKResponse"),
    "rr": ("RR405IsikNimi", "RR405IsikNimiResponse", "RR412", "RR412Response"),
}
HERE = Path(__file__).parent


def reachable(schema: etree._Element, names: tuple[str, ...]) -> set[str]:
    """Names of all top-level definitions that the named ones need, themselves included."""
    own = [f"{prefix}:" for prefix, address in schema.nsmap.items() if address == schema.get("targetNamespace")]
    found: set[str] = set()
    todo = list(names)
    while todo:
        name = todo.pop()
        if name in found:
            continue
        found.add(name)
        for definition in schema.xpath("*[@name=$name]", name=name):
            used = [*definition.xpath(".//@type"), *definition.xpath(".//@base"), *definition.xpath(".//@ref")]
            todo.extend(str(each).partition(":")[2] for each in used if str(each).startswith(tuple(own)))
    return found


def extracted(register: str) -> bytes:
    """The schema of one register's messages."""
    wsdl = etree.fromstring(gzip.decompress((HERE / f"{register}.wsdl.gz").read_bytes()))
    wanted = MESSAGES[register]
    (schema,) = [each for each in wsdl.iter(f"{XSD}schema") if each.xpath("*[@name=$name]", name=wanted[0])]
    keep = reachable(schema, wanted)
    for child in list(schema):
        wanted_import = child.tag == f"{XSD}import" and child.get("schemaLocation", "").startswith(XROAD)
        if not wanted_import and child.get("name") not in keep:
            schema.remove(child)
    return etree.tostring(schema, xml_declaration=True, encoding="UTF-8", pretty_print=True) + b"\n"


def main() -> None:
    for register in MESSAGES:
        (HERE / f"{register}.xsd").write_bytes(extracted(register))


if __name__ == "__main__":
    main()
