"""The ways to sign a message that partners speak: one file each, behind one interface.

Which one a system uses is agreed with it (`policy.SignaturePolicy`); `gateway.trust.signatures` holds it to that, and
never tries another. The exact bytes that each signs are in `docs/profiles/signatures.md`, with a worked vector.
"""

from collections.abc import Mapping

from .dci_jws import DciJws
from .dci_params import DciParams
from .jws_body import JwsBody
from .jws_header import JwsHeader
from .message import Dialect, Message, Verified
from .rfc9421 import Rfc9421
from .unsigned import Unsigned

__all__ = ["DIALECTS", "Dialect", "Message", "Verified"]

DIALECTS: Mapping[str, Dialect] = {
    each.name: each for each in (Rfc9421(), DciJws(), DciParams(), JwsBody(), JwsHeader(), Unsigned())
}
