"""The Python client of the Sandhi data-exchange gateway. See README.md.

`Client` is asynchronous; `sandhi_client.sync.Client` has the same calls without `async`. `sandhi_client.dci` speaks the
DCI registry protocol, `sandhi_client.events` takes what the gateway sends to our own address.
"""

from .client import Asking, Client, Opening
from .errors import (
    AnswerNotSigned,
    BadRequest,
    Conflict,
    EventRefused,
    Forbidden,
    GatewayFailed,
    MessageRefused,
    NoAnswer,
    NotAuthenticated,
    NotFound,
    NoToken,
    Problem,
    Refused,
    SandhiError,
    SourceFailed,
    TooMany,
    Unreachable,
)
from .patience import Patience
from .session import Credentials, Reply, Session
from .values import (
    Answer,
    Batch,
    BatchLine,
    Catalogue,
    Claim,
    Delivery,
    Identifier,
    Name,
    Offer,
    Period,
    Recorded,
    Subject,
    Withheld,
)

__all__ = [
    "Answer",
    "AnswerNotSigned",
    "Asking",
    "BadRequest",
    "Batch",
    "BatchLine",
    "Catalogue",
    "Claim",
    "Client",
    "Conflict",
    "Credentials",
    "Delivery",
    "EventRefused",
    "Forbidden",
    "GatewayFailed",
    "Identifier",
    "MessageRefused",
    "Name",
    "NoAnswer",
    "NoToken",
    "NotAuthenticated",
    "NotFound",
    "Offer",
    "Opening",
    "Patience",
    "Period",
    "Problem",
    "Recorded",
    "Refused",
    "Reply",
    "SandhiError",
    "Session",
    "SourceFailed",
    "Subject",
    "TooMany",
    "Unreachable",
    "Withheld",
]
