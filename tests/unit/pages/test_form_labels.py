"""What a form lacks is told by the words that the form shows, in the language of whoever reads."""

import re

import pytest
from pydantic import BaseModel

from gateway.console.forms import shaped
from gateway.console.labels import LABELS
from gateway.edges.refusal import ProblemError
from gateway.edges.v1 import audit_findings, audit_people, members, officers
from gateway.edges.v1.adapters_running import OutageIn
from pages.languages import LANGUAGES, NOW, Spoken

SHAPES = (
    audit_findings.SignOffIn,
    audit_people.BreachIn,
    members.MemberIn,
    officers.OfficerIn,
    officers.GrantIn,
    OutageIn,
)


def refusal(code: str, shape: type[BaseModel]) -> str:
    token = NOW.set(Spoken(LANGUAGES[code], "/console"))
    try:
        with pytest.raises(ProblemError) as refused:
            shaped(shape, dict.fromkeys(shape.model_fields, "\x01"))
    finally:
        NOW.reset(token)
    return refused.value.detail


@pytest.mark.parametrize("code", sorted(LANGUAGES))
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
def test_no_refusal_of_a_form_names_a_field_of_the_api(code: str, shape: type[BaseModel]) -> None:
    told = refusal(code, shape)
    named = told.split(": ")[1].removesuffix(".").split(", ")
    assert {*named} <= {LANGUAGES[code].said(each) for each in LABELS.values()}
    assert "\x01" not in told
    assert code == "en" or not re.search("[a-z]", told)


def test_a_label_is_one_of_the_words_of_each_language() -> None:
    for code in LANGUAGES.keys() - {"en"}:
        assert [each for each in LABELS.values() if each not in LANGUAGES[code].words] == []


def test_a_field_is_called_as_its_own_form_calls_it() -> None:
    assert refusal("en", officers.OfficerIn).startswith("Fill in or correct: ")
    assert "Name at the identity provider" in refusal("en", officers.OfficerIn)
    assert "Number" in refusal("en", audit_people.AccessIn)
