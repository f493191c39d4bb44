"""A signature in a PDF: a CMS over everything but itself, added behind the document as an incremental update.

Source: ISO 32000-1 sections 7.5.6 (incremental updates), 12.7.4.5 and 12.8.1 (signature field, ByteRange), 12.8.3.3
(`adbe.pkcs7.detached`); RFC 5652.
"""

import re
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.hazmat.primitives.serialization.pkcs7 import PKCS7Options, PKCS7SignatureBuilder

ROOM = 8192  # bytes kept for the CMS
_ROOT = re.compile(rb"/Root (\d+) 0 R")
_SIZE = re.compile(rb"/Size (\d+)")
_START = re.compile(rb"startxref\s+(\d+)\s+%%EOF\s*\Z")


class KeyUnusable(ValueError):
    """Key and certificate cannot be read or do not belong together; neither is ever shown."""


@dataclass(frozen=True, slots=True)
class Seal:
    """Whose signature: a private key and its certificate."""

    key: RSAPrivateKey | EllipticCurvePrivateKey = field(repr=False)
    certificate: x509.Certificate

    @staticmethod
    def read(key: str, certificate: str) -> "Seal":
        """From PEM texts. Raises KeyUnusable."""
        try:
            read = load_pem_private_key(key.encode(), password=None)
            known = x509.load_pem_x509_certificate(certificate.encode())
        except (ValueError, TypeError):
            raise KeyUnusable("not PEM, or of another kind") from None
        if not isinstance(read, RSAPrivateKey | EllipticCurvePrivateKey) or read.public_key() != known.public_key():
            raise KeyUnusable("not an RSA or EC key with its own certificate")
        return Seal(read, known)

    def cms(self, content: bytes) -> bytes:
        """A detached CMS over the content, DER."""
        builder = PKCS7SignatureBuilder().set_data(content).add_signer(self.certificate, self.key, hashes.SHA256())
        return builder.sign(Encoding.DER, [PKCS7Options.DetachedSignature, PKCS7Options.Binary])


def signed(document: bytes, seal: Seal, now: datetime) -> bytes:
    """The document with an invisible signature field; every byte but the signature's own place is covered.

    `document` is one that fpdf2 wrote: a plain cross-reference table, and its catalog on its own.
    """
    root, size, start = _found(_ROOT, document), _found(_SIZE, document), _found(_START, document)
    match = re.search(rb"\n%d 0 obj\n<<(.*?)>>\nendobj" % root, document, re.DOTALL)
    if match is None:
        raise ValueError("the document has no catalog of its own")
    parts = {
        root: b"<<%b\n/AcroForm <</Fields [%d 0 R] /SigFlags 3>>>>" % (match[1].rstrip(), size + 1),
        size: _place(now),
        size + 1: b"<</Type /Annot /Subtype /Widget /FT /Sig /T (letter) /V %d 0 R /F 132 /Rect [0 0 0 0]>>" % size,
    }
    whole = _updated(document, parts, root=root, start=start)
    return _filled(whole, seal, len(document))


def _place(now: datetime) -> bytes:
    return (
        b"<</Type /Sig /Filter /Adobe.PPKLite /SubFilter /adbe.pkcs7.detached /M (D:%b)"
        b" /ByteRange [0 %010d %010d %010d] /Contents <%b>>>"
        % (now.strftime("%Y%m%d%H%M%SZ").encode(), 0, 0, 0, b"0" * (2 * ROOM))
    )


def _updated(document: bytes, parts: dict[int, bytes], *, root: int, start: int) -> bytes:
    whole = document if document.endswith(b"\n") else document + b"\n"
    table = b"xref\n"
    for number, content in sorted(parts.items()):
        table += b"%d 1\n%010d 00000 n \n" % (number, len(whole))
        whole += b"%d 0 obj\n%b\nendobj\n" % (number, content)
    trailer = b"trailer\n<</Size %d /Root %d 0 R /Prev %d>>\n" % (max(parts) + 1, root, start)
    return whole + table + trailer + b"startxref\n%d\n%%%%EOF\n" % len(whole)


def _filled(whole: bytes, seal: Seal, after: int) -> bytes:
    """Write what is covered, then sign that."""
    opens = whole.index(b"/Contents <", after) + len(b"/Contents ")
    closes = opens + 2 * ROOM + 2
    covered = b"[0 %010d %010d %010d]" % (opens, closes, len(whole) - closes)
    at = whole.index(b"/ByteRange [", after) + len(b"/ByteRange ")
    whole = whole[:at] + covered + whole[at + len(covered) :]
    cms = seal.cms(whole[:opens] + whole[closes:]).hex().encode()
    return whole[: opens + 1] + cms.ljust(2 * ROOM, b"0") + whole[closes - 1 :]


def _found(pattern: re.Pattern[bytes], document: bytes) -> int:
    found = pattern.findall(document)
    if not found:
        raise ValueError("not a document of the expected form")
    return int(found[-1])
