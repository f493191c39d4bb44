"""One line of `schemas/own/consent.v1.json` in, one consent out: whose it is, whether it fits, and who may give it.

The person is turned into keyed hashes here and goes no further. What many people agreed to in the same words is read
once: a registration day repeats a few wordings a million times.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

import orjson

from adapters.kit.contract import Identifier, Name, Subject
from audit import new_id
from consent import Consent, consent_of, reading
from consent.authority import GiverRule, check_giver
from consent.errors import DocumentInvalid

NOBODY_YET = "sha-256:" + "0" * 64
"""Stands for the evidence in a wording: each person's own is put in its place."""


@dataclass(frozen=True, slots=True)
class Givers:
    """Who may consent for whom in this country, on this day."""

    rules: Mapping[str, GiverRule]
    today: date

    def check(self, consent: Consent, birth_date: date | None) -> None:
        """Raise unless this giver may give it; the birth date is looked at and forgotten.

        Raises:
            GiverRefused: the text names the purposes, and who may.
        """
        check_giver(consent, self.rules, birth_date=birth_date, today=self.today)


def consent_line(
    line: object,
    *,
    controller: str,
    person_ref: Callable[[Subject], str],
    numbers: Callable[[Subject], frozenset[str]],
    givers: Givers | None = None,
) -> Consent:
    """A line as this controller's consent; an id is made where it has none.

    Args:
        person_ref: subject in, pseudonym out; may refuse the subject with an error of its own.
        numbers: subject in, a keyed hash out of each of its numbers, and of each name with the birth date. Under this
            consent a question may name the person to a provider by these and no others.
        givers: who may consent for whom; None: the caller has looked already.

    Raises:
        DocumentInvalid: it does not fit, or names another controller; the text holds no value.
        GiverRefused: who gave it may not speak for this person.
    """
    named = dict(line) if isinstance(line, dict) else {}
    if "id" not in named:
        named["id"] = str(new_id())
    if named.pop("controller", controller) != controller:
        raise DocumentInvalid("/controller: must be the member that records it")
    with reading.Reader({"id": named.pop("id")}) as reader:
        id_ = reader.text("id", reading.ID)
    subject, born = _subject(named.pop("subject", None))
    worded = _as_worded(named, controller)
    evidence = reading.Reader(named).text("evidence", reading.DIGEST)
    consent = _given(worded, id_, person_ref(subject), evidence, numbers(subject))
    if givers:
        givers.check(consent, born)
    return consent


def _given(worded: Consent, id_: str, subject_ref: str, evidence: str, numbers: frozenset[str]) -> Consent:
    """One person's consent in these words; `dataclasses.replace` would take five times as long."""
    return Consent(
        id_,
        subject_ref,
        worded.controller,
        worded.recipients,
        worded.purposes,
        worded.services,
        worded.valid_from,
        worded.valid_until,
        worded.given_how,
        evidence,
        numbers=numbers,
        assurance=worded.assurance,
        given_by=worded.given_by,
        data_life_days=worded.data_life_days,
        times_per_day=worded.times_per_day,
        notice=worded.notice,
        language=worded.language,
    )


def _as_worded(named: Mapping[str, object], controller: str) -> Consent:
    """What the line says, of nobody yet. Raises DocumentInvalid."""
    worded = {**named, "evidence": NOBODY_YET} if "evidence" in named else dict(named)
    try:
        text = orjson.dumps(worded)
    except orjson.JSONEncodeError:  # e.g. a number that no format takes: let the reader name its place
        return consent_of(worded, id_="-", subject_ref="", controller=controller)
    return _wording(text, controller)


@lru_cache(maxsize=1024)
def _wording(text: bytes, controller: str) -> Consent:
    return consent_of(orjson.loads(text), id_="-", subject_ref="", controller=controller)


def _subject(value: object) -> tuple[Subject, date | None]:
    """The person as the controller knows it, and the birth date by itself."""
    with reading.Reader(value, "/subject") as reader:
        names = tuple(_name(each) for each in reader.each("names")) if reader.has("names") else ()
        born = _day(reader) if reader.has("birth_date") else None
        return Subject(tuple(_identifier(each) for each in reader.each("identifiers")), names, born), born


def _day(reader: reading.Reader) -> date:
    text = reader.text("birth_date", "[0-9]{4}-[0-9]{2}-[0-9]{2}")
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise reader.wrong("birth_date", "a day that exists") from None


def _identifier(reader: reading.Reader) -> Identifier:
    with reader:
        return Identifier(reader.text("type", "[A-Za-z0-9_./:-]{1,120}"), reader.text("value", "(?s:.{1,200})"))


def _name(reader: reading.Reader) -> Name:
    with reader:
        language, script = reader.text("language", "[a-z]{3}"), reader.text("script", "[A-Z][a-z]{3}")
        return Name(language, script, reader.text("value", "(?s:.{1,200})"))
