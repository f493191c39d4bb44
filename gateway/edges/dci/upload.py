"""`multipart/form-data`: the same envelope as a file. Published for the asynchronous paths and enrollment updates.

    action: search          fileName: <the file>          fileFormat: json

Only JSON: the specification names csv without saying what its columns are. The file is the message: it is what the
signature covers, where that is over the envelope. It is read by looking for its boundary at most four times: a reader
of mail builds whatever a form nests or repeats, and sixteen megabytes of that stop a process for minutes.

Source: SPDCI OpenAPI 1.0.0 `FileInfo`; RFC 7578.
"""

from collections.abc import Iterator
from email.message import Message
from email.parser import BytesHeaderParser

from .failure import BAD, DciError
from .operations import Operation

KIND = "multipart/form-data"
LARGEST = 16 * 1024 * 1024  # bytes of the whole body
PARTS = frozenset({"action", "fileName", "fileFormat"})
LONGEST_HEAD = 2048  # bytes of the headers of one part
PLAIN = frozenset({"", "7bit", "8bit", "binary"})


def takes_files(operation: Operation) -> bool:
    """Whether its file declares the media type."""
    return not operation.reply or operation.path == "sync/enrollment/updates"


def parameter(content_type: str, name: str, otherwise: str = "") -> str:
    """A parameter of a media type (`charset`, `boundary`); `otherwise` where it has none that is one text."""
    found = _headers(b"Content-Type: " + content_type.encode("latin-1", "replace")).get_param(name, otherwise)
    return found if isinstance(found, str) else otherwise


def file_of(content_type: str, body: bytes, operation: Operation) -> bytes:
    """The envelope's bytes.

    Raises:
        DciError: not the published parts, another action than the path's, or a format that is not JSON.
    """
    parts: dict[str, bytes] = {}
    for name, content in _parts(body, parameter(content_type, "boundary")):
        if name not in PARTS or name in parts:
            raise _bad("its parts are action, fileName and fileFormat, each once")
        parts[name] = content
    if not {"action", "fileName"} <= parts.keys():
        raise _bad("it has the parts action and fileName, the file itself")
    if parts["action"].strip() != operation.action.encode():
        raise DciError(400, "rjct.action.invalid", f"The action of this path is {operation.action}.")
    if parts.get("fileFormat", b"json").strip().lower() != b"json":
        raise _bad("fileFormat is json")
    return parts["fileName"]


def _parts(body: bytes, boundary: str) -> Iterator[tuple[str, bytes]]:
    """The name and the content of each part.

    Raises:
        DciError: it is no form, has more parts than can be meant, or one is not plain.
    """
    if not 1 <= len(boundary) <= 70:  # RFC 2046 section 5.1.1
        raise _bad("its boundary has 1 to 70 characters")
    between = b"\r\n--" + boundary.encode("latin-1", "replace")
    _before, *pieces = (b"\r\n" + body).split(between, len(PARTS) + 1)
    for piece in pieces:
        if piece.startswith(b"--"):
            return
        head, blank, content = piece.partition(b"\r\n\r\n")
        if not blank or len(head) > LONGEST_HEAD:
            raise _bad("each part has a few headers, an empty line and its content")
        headers = _headers(head.lstrip())
        if str(headers.get("content-transfer-encoding", "")).lower() not in PLAIN:  # RFC 7578 section 4.7
            raise _bad("its parts are sent as they are, without Content-Transfer-Encoding")
        name = headers.get_param("name", "", header="content-disposition")
        yield (name if isinstance(name, str) else ""), content
    raise _bad("it ends with its boundary and two hyphens")


def _headers(lines: bytes) -> Message:
    return BytesHeaderParser().parsebytes(lines)


def _bad(what: str) -> DciError:
    return DciError(400, BAD, f"The upload was not read: {what}.")
