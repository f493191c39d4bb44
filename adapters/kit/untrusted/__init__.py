"""Schemas and mappings that an agency supplies are programs that we run: a short text can keep a processor busy for
hours, or make it fetch a URL. So each is checked before it is ever used, by what can be counted in its text:

- `checked_schema`: JSON Schema of one dialect, references inside itself only, patterns for an engine without
  backtracking, and no value judged by more than 200 of its subschemas (`branches`);
- `checked_xsd`: XSD 1.0 without redefinitions, assertions and identity constraints, bounded repetition, patterns that
  cannot be read in two ways, and a trial in a sealed process (`sealed`);
- `checked_wsdl`: a WSDL whose imports all lead to copies stored here, each of its schemas checked as above;
- `checked_mapping`: a closed grammar of pointers and named converters, bounded in size and in steps.

What is too large, too deep or too intricate is refused with `ProgramRefused`: where, in which line, and what to change.
Source: OWASP ASVS 5.0, 1.3.2, 1.3.12, 15.2.2; decision record 0041.
"""

from .json_schema import checked_schema
from .mapping_text import checked_mapping
from .refused import ProgramRefused
from .wsdl import checked_wsdl
from .xsd import checked_xsd

__all__ = ["ProgramRefused", "checked_mapping", "checked_schema", "checked_wsdl", "checked_xsd"]
