"""Run by `xsd.py` in a process of its own: compile the XSD on standard input within one second and 512 MiB.

Ends with 0; with 1 and a line `<number> <rule>` for a schema that does not compile; otherwise the limits cut it.
"""

import resource
import sys

from lxml import etree

CPU_S = 1
MEMORY = 512 * 1024 * 1024


def main() -> int:
    """Seal, read, compile."""
    text = sys.stdin.buffer.read()
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        etree.XMLSchema(etree.fromstring(text, parser))
    except etree.XMLSchemaParseError as error:
        last = error.error_log.last_error
        sys.stdout.write(f"{last.line} {last.type_name}" if last is not None else "0 XMLSchemaParseError")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
