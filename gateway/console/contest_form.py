"""The form by which a person says that something is wrong: what it offers, and the body that it becomes."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel

import pages
from adapters.kit.contract import Service
from consent import member_of
from pages import Refused, Wrong

from ..citizen import Citizens, Reader, Told
from ..citizen.wording import Words
from ..edges.citizen import contesting
from ..edges.citizen.contesting import ContestIn
from ..edges.refusal import ProblemError
from ..edges.v1.shapes import IdentifierIn, SubjectIn
from .forms import FieldsRefused, shaped

CHOOSE = "Choose what it is about."
ALL = "all:"
"""Before a member's id: everything that it tells."""
ELSE = "%(agency)s: something else"
AT = {"subject": "number", "value": "number", "type": "number", "service": "about", "provider": "about"}
"""Field of the body -> its place on the page, where that is another one."""
OF_CODE = {"forbidden": "number", "bad_request.identifier": "number", "bad_request.service": "about"}


async def offered(here: Citizens, reader: Reader, form: Mapping[str, str]) -> dict[str, Any]:
    """What the page needs: of an exchange its sides and its fields, else every record that can be about a person.

    Raises:
        ProblemError: `not_found` for an exchange that the person does not see.
    """
    words = await here.reading.words()
    if not form.get("exchange"):
        return {"use": None, "groups": records(here, words)}
    told = await contesting.seen(here, reader, form["exchange"])
    fields = sorted(contesting.fields_in(told, here.services.catalogue))
    return {"use": told.wire(), "sides": _sides(told, words), "fields": fields}


def records(here: Citizens, words: Words) -> list[dict[str, Any]]:
    """Agency by agency, in the language of the page: the records it tells about a person, and last all of it.

    Left out are lists that are about no person, and agencies that nobody has registered here: no one would look.
    """
    groups: dict[str, dict[str, str]] = {}
    for offer in here.services.catalogue:
        member = member_of(offer.provider)
        if offer.service.sensitivity == "open" or member not in words.members:
            continue
        group = groups.setdefault(member, {})
        if offer.service.actions & {"read", "verify"}:
            group[offer.service.id] = _called(offer.service, set(group.values()))
    told = [
        {"agency": pages.said(words.members[member]), "items": [*_sorted(group), _all_of(member, words)]}
        for member, group in groups.items()
    ]
    return sorted(told, key=lambda each: str(each["agency"]))


def wish(here: Citizens, form: Mapping[str, str]) -> ContestIn:
    """The form as the body that the API takes.

    Raises:
        FieldsRefused: with all that is to be mended, in the order of the page.
    """
    about = form.get("about", form.get("service", ""))
    missing = not about and ("about" in form or not form.get("exchange"))
    fields = {name.removeprefix("field-") for name in form if name.startswith("field-")}
    typed = {"type": here.services.profile.person_key, "value": form.get("number", "").strip()}
    number, of_number = _tried(IdentifierIn, typed)
    whose = {"provider": about.removeprefix(ALL)} if about.startswith(ALL) else {"service": about}
    wanted: dict[str, object] = whose | {"exchange": form.get("exchange", ""), "fields": fields}
    subject = SubjectIn(identifiers=(number,)) if number else SubjectIn.model_construct()
    found, of_body = _tried(ContestIn, wanted | {"statement": form.get("statement", "").strip(), "subject": subject})
    wrong = [*([Wrong("service", pages.said(CHOOSE))] if missing else []), *of_body, *of_number]
    if wrong:
        raise FieldsRefused(" ".join(each.text for each in wrong), wrong)
    body: ContestIn = found
    return body


def _tried(shape: type[BaseModel], fields: Mapping[str, object]) -> tuple[Any, Sequence[Wrong]]:
    """What the fields become, or what is wrong with them."""
    try:
        return shaped(shape, fields), ()
    except FieldsRefused as error:
        return None, error.wrong


def refused(error: ProblemError, form: Mapping[str, str]) -> Refused:
    """What is to be mended, each with its place on the page, and what was typed."""
    if isinstance(error, FieldsRefused) and error.wrong:
        return Refused([Wrong(AT.get(each.at, each.at), each.text) for each in error.wrong], form)
    return Refused([Wrong(OF_CODE.get(error.code, "statement"), pages.said(error.detail))], form)


def _sides(told: Told, words: Words) -> list[dict[str, str]]:
    """Who may be asked to look, each with its part."""
    gave = told.is_handed_over or bool(told.given)
    parts = ("%(agency)s: gave the data", "%(agency)s: received it")
    if not gave:
        parts = ("%(agency)s: was asked", "%(agency)s: asked")
    named = [pages.said(words.members.get(member, member)) for member in told.sides]
    return [
        {"value": f"{ALL}{member}", "agency": name, "text": pages.said(part) % {"agency": name}}
        for member, name, part in zip(told.sides, named, parts, strict=False)
    ]


def _called(service: Service, taken: set[str]) -> str:
    """What people call it; with what it tells where another one of the agency is called alike."""
    title, summary = (pages.said(text) for text in (service.title or service.summary, service.summary))
    return f"{title} ({summary or service.id})" if title in taken else title or service.id


def _sorted(group: Mapping[str, str]) -> list[dict[str, str]]:
    return sorted(({"value": id_, "text": text} for id_, text in group.items()), key=lambda each: each["text"])


def _all_of(member: str, words: Words) -> dict[str, str]:
    return {"value": f"{ALL}{member}", "text": pages.said(ELSE) % {"agency": pages.said(words.members[member])}}
