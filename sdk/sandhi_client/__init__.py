"""The Python client of the Sandhi data-exchange gateway. See README.md."""

from .client import Client
from .errors import AnswerNotSigned, EventRefused, NoToken, Problem, SandhiError, Unreachable
from .session import Credentials, Patience, Reply, Session
from .values import Answer, Batch, BatchLine, Claim, Delivery, Identifier, Name, Recorded, Subject, Withheld

__all__ = [
    "Answer",
    "AnswerNotSigned",
    "Batch",
    "BatchLine",
    "Claim",
    "Client",
    "Credentials",
    "Delivery",
    "EventRefused",
    "Identifier",
    "Name",
    "NoToken",
    "Patience",
    "Problem",
    "Recorded",
    "Reply",
    "SandhiError",
    "Session",
    "Subject",
    "Unreachable",
    "Withheld",
]
