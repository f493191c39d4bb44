"""Templates and assets of every page for people. Imports nothing of the product.

Escaping is on for every template; an unknown variable is an error, not an empty place. No page asks for anything of
another host, and every form works without the scripts. Components are GOV.UK Frontend's, with our own header and font.
"""

from .assets import ASSETS, Asset, address_of
from .languages import LANGUAGES, Language, Speaking
from .mending import Refused, Wrong
from .rendering import FIELDS, day, rendered, said, words_of

# What a browser may do with a page: our own scripts and styles, nothing inline, nothing of another host.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; object-src 'none'"
)

__all__ = [
    "ASSETS",
    "FIELDS",
    "LANGUAGES",
    "POLICY",
    "Asset",
    "Language",
    "Refused",
    "Speaking",
    "Wrong",
    "address_of",
    "day",
    "rendered",
    "said",
    "words_of",
]
