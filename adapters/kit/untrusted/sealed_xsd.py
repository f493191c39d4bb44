"""Run by `xsd.py` in a process of its own: compile the XSD on standard input within one second and 512 MiB.

Standard input is JSON: the schema, and an object of what its imports lead to, by location. Ends with 0; with 1 and a
line `<number> <rule>` for a schema that does not compile; otherwise the limits cut it.
"""

import json
import resource
import sys
from collections.abc import Mapping
from typing import Any

from lxml import etree

CPU_S = 1
MEMORY = 512 * 1024 * 1024


class Copies(etree.Resolver):
    """What imports lead to: a text that is known here, or one that is no schema. Never a file, never an address."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        super().__init__()
        self._texts = texts

    def resolve(self, *told: Any) -> Any:
        """See `lxml.etree.Resolver`: called with the location, a public identifier, and the context."""
        location, _, context = told
        return self.resolve_string(self._texts.get(location, "<unknown/>"), context, base_url=location)


def compiled(text: str, copies: Mapping[str, str]) -> etree.XMLSchema:
    """The compiled schema.

    Raises:
        etree.XMLSchemaParseError: it does not compile.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    parser.resolvers.add(Copies(copies))
    return etree.XMLSchema(etree.fromstring(text.encode(), parser))


def main() -> int:
    """Seal, read, compile."""
    text, copies = json.loads(sys.stdin.buffer.read())
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
    try:
        compiled(text, copies)
    except etree.XMLSchemaParseError as error:
        last = error.error_log.last_error
        sys.stdout.write(f"{last.line} {last.type_name}" if last is not None else "0 XMLSchemaParseError")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
