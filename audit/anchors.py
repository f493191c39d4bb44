"""Anchors: a time-stamping authority signs that a checkpoint existed, so the log's own clock need not be believed.

Source: RFC 3161. The reply is kept as received, also one that cannot be verified here: it is evidence either way.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import NamedTuple

from cryptography.x509 import Certificate, load_pem_x509_certificates
from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from .errors import AnchorInvalid

QUERY_TYPE = "application/timestamp-query"


@dataclass(frozen=True, slots=True)
class Authority:
    """A time-stamping authority: its address, and the certificates that its replies must lead to."""

    url: str
    certificates: tuple[Certificate, ...]

    @classmethod
    def of(cls, url: str, pem: bytes) -> "Authority":
        """From PEM text: root certificates, and intermediate ones if the replies leave them out.

        Raises:
            AnchorInvalid: there is none in it.
        """
        return cls(url, certificates_of(pem))


class Request(NamedTuple):
    """A query as bytes, and the nonce that the reply must carry."""

    der: bytes
    nonce: int | None


def request_of(note: bytes) -> Request:
    """Ask for a time stamp of SHA-256 of this checkpoint, cosignatures included; the reply carries its certificate."""
    made = (
        TimestampRequestBuilder()
        .data(note)
        .hash_algorithm(HashAlgorithm.SHA256)
        .nonce()
        .cert_request(cert_request=True)
        .build()
    )
    return Request(made.as_bytes(), made.nonce)


def stamped(note: bytes, reply: bytes, certificates: Sequence[Certificate], nonce: int | None = None) -> datetime:
    """The authority's time (UTC) for this checkpoint.

    Args:
        note: the checkpoint that was sent.
        reply: DER of the TimeStampResp.
        certificates: what the authority's certificate must lead to; at least one of them self-signed.
        nonce: what the request held; None where it is not known any more.

    Raises:
        AnchorInvalid: refused, not by this authority, or about something else.
    """
    response = _decoded(reply)
    builder = VerifierBuilder(roots=_roots(certificates), intermediates=_others(certificates), nonce=nonce)
    try:
        builder.build().verify_message(response, note)
    except (VerificationError, ValueError) as error:
        raise AnchorInvalid(f"the time stamp does not hold: {error}") from None
    return response.tst_info.gen_time


def digest(reply: bytes) -> str:
    """How an entry names a reply: SHA-256 of its bytes, hex."""
    return sha256(reply).hexdigest()


def certificates_of(pem: bytes) -> tuple[Certificate, ...]:
    """The certificates of a PEM file.

    Raises:
        AnchorInvalid: there is none in it.
    """
    try:
        return tuple(load_pem_x509_certificates(pem))
    except ValueError:
        raise AnchorInvalid("the certificates of the time-stamping authority are no PEM file") from None


def _roots(certificates: Sequence[Certificate]) -> list[Certificate]:
    return [each for each in certificates if each.issuer == each.subject]


def _others(certificates: Sequence[Certificate]) -> list[Certificate]:
    return [each for each in certificates if each.issuer != each.subject]


def _decoded(reply: bytes) -> TimeStampResponse:
    try:
        return decode_timestamp_response(reply)
    except ValueError:
        raise AnchorInvalid("the reply is not a time stamp in strict DER; try `openssl ts -verify`") from None
