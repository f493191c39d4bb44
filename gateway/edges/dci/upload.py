"""`multipart/form-data`: the same envelope as a file. Published for the asynchronous paths and enrollment updates.

    action: search          fileName: <the file>          fileFormat: json

Only JSON: the specification names csv without saying what its columns are. The file is the message: it is what the
signature covers, where that is over the envelope.

Source: SPDCI OpenAPI 1.0.0 `FileInfo`; RFC 7578.
"""

from email.parser import BytesParser
from email.policy import HTTP

from .failure import BAD, DciError
from .operations import Operation

KIND = "multipart/form-data"
LARGEST = 16 * 1024 * 1024  # bytes of the whole body
PARTS = frozenset({"action", "fileName", "fileFormat"})


def takes_files(operation: Operation) -> bool:
    """Whether its file declares the media type."""
    return not operation.reply or operation.path == "sync/enrollment/updates"


def file_of(content_type: str, body: bytes, operation: Operation) -> bytes:
    """The envelope's bytes.

    Raises:
        DciError: not the published parts, another action than the path's, or a format that is not JSON.
    """
    head = b"Content-Type: " + content_type.encode("latin-1", "replace") + b"\r\n\r\n"
    form = BytesParser(policy=HTTP).parsebytes(head + body)
    parts: dict[str, bytes] = {}
    for part in form.iter_parts() if form.is_multipart() else ():
        name = part.get_param("name", header="content-disposition")
        if not isinstance(name, str) or name not in PARTS or name in parts:
            raise _bad("its parts are action, fileName and fileFormat, each once")
        content = part.get_payload(decode=True)
        parts[name] = content if isinstance(content, bytes) else b""
    if not {"action", "fileName"} <= parts.keys():
        raise _bad("it has the parts action and fileName, the file itself")
    if parts["action"].strip() != operation.action.encode():
        raise DciError(400, "rjct.action.invalid", f"The action of this path is {operation.action}.")
    if parts.get("fileFormat", b"json").strip().lower() != b"json":
        raise _bad("fileFormat is json")
    return parts["fileName"]


def _bad(what: str) -> DciError:
    return DciError(400, BAD, f"The upload was not read: {what}.")
