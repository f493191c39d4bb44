"""A first folder for an agency, drafted from what it can show: a WSDL, an OpenAPI document, one sample answer, nothing.

A draft is files as text and nothing else: no network, no import is followed that does not lead to a stored copy, and
what an agency wrote is checked as any stranger's program before it is read. People finish it: a suggestion is a guess,
and each says so. See decision record 0123.
"""

from .drafting import Draft, drafted, write
from .openapi import from_openapi
from .sample import from_sample
from .source import DraftRefused, Source, Told
from .templates import KINDS, template
from .wsdl import from_wsdl

__all__ = [
    "KINDS",
    "Draft",
    "DraftRefused",
    "Source",
    "Told",
    "drafted",
    "from_openapi",
    "from_sample",
    "from_wsdl",
    "template",
    "write",
]
