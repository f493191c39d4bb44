"""Files of agreements, as the commands read them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from adapters.kit import strict_json
from consent.errors import DocumentInvalid

AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
Id = Annotated[str, typer.Argument(help="The agreement's id.")]


def read_signed(file: Path) -> tuple[object, Mapping[str, str]]:
    """Document and signatures of a file that holds either the bare document or both."""
    content = read_object(file)
    if "document" not in content:
        return content, {}
    signatures = content.get("signatures", {})
    if not isinstance(signatures, dict) or not all(isinstance(each, str) for each in signatures.values()):
        raise DocumentInvalid("/signatures: must be an object of member and JWS")
    return content["document"], signatures


def read_object(file: Path) -> dict[str, Any]:
    """One JSON object, strictly read.

    Raises:
        DocumentInvalid: it cannot be read, or holds something else.
    """
    try:
        content = strict_json.loads(file.read_bytes())
    except strict_json.StrictError as error:
        raise DocumentInvalid(f"{file} was not read: {error}") from None
    if not isinstance(content, dict):
        raise DocumentInvalid(f"{file} must hold one JSON object")
    return content
