"""Demographic authentication and KYC attributes over one record of the register."""

from collections.abc import Mapping
from typing import TypeGuard

from sandbox.person import NationalIdRecord

from .errors import IdaError, refused

_NOT_HELD = [
    "age",
    "dobType",
    "phoneNumber",
    "emailId",
    "addressLine1",
    "addressLine2",
    "addressLine3",
    "location1",
    "location2",
    "location3",
    "postalCode",
    "fullAddress",
]


def mismatches(demographics: Mapping[str, object], record: NationalIdRecord, dob_format: str) -> list[IdaError]:
    """What was sent and is not so. Empty when everything sent matches.

    Args:
        demographics: the decrypted block's member, `{name[], dob, gender[], ...}`; empty members are unset.
        record: the register's record.
        dob_format: a `strftime` pattern.

    Raises:
        Refused: IDA-MLC-009, a member is malformed.
    """
    found = _names(demographics.get("name"), record)
    if demographics.get("dob") and demographics["dob"] != record.birth_date.strftime(dob_format):
        found.append(IdaError("IDA-DEA-001", "dob"))
    for language, value in _texts("gender", demographics.get("gender")):
        if _folded(value) != record.sex:
            found.append(IdaError("IDA-DEA-001", f"gender in {language}"))
    return found + [IdaError("IDA-DEA-003", member) for member in _NOT_HELD if demographics.get(member)]


def _names(sent: object, record: NationalIdRecord) -> list[IdaError]:
    held = {spelling.language: _folded(spelling.full) for spelling in record.names}
    found = []
    for language, value in _texts("name", sent):
        if language not in held:
            found.append(IdaError("IDA-DEA-003", f"name in {language}"))
        elif held[language] != _folded(value):
            found.append(IdaError("IDA-DEA-001", f"name in {language}"))
    return found


def _texts(member: str, sent: object) -> list[tuple[str, str]]:
    """`[{language, value}]` as pairs; nothing sent is no pair."""
    if not sent:
        return []
    if not isinstance(sent, list) or not all(_is_text(item) for item in sent):
        raise refused("IDA-MLC-009", member)
    return [(item["language"], item["value"]) for item in sent]


def _is_text(item: object) -> TypeGuard[dict[str, str]]:
    return isinstance(item, dict) and isinstance(item.get("language"), str) and isinstance(item.get("value"), str)


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def identity(record: NationalIdRecord, attributes: frozenset[str], dob_format: str) -> dict[str, str]:
    """The KYC answer: asked by identity-schema names, answered by IDA's names, one key per language."""
    answer: dict[str, str] = {}
    if "fullName" in attributes:
        answer |= {f"name_{spelling.language}": spelling.full for spelling in record.names}
    if "gender" in attributes:
        answer["gender_eng"] = record.sex.capitalize()
    if "dateOfBirth" in attributes:
        answer["dob"] = record.birth_date.strftime(dob_format)
    if "dateOfDeath" in attributes and record.death_date is not None:
        answer["dateOfDeath"] = record.death_date.strftime(dob_format)
    return answer
