"""Templates: what nobody passed is an error; what a component's parameters lack is not."""

import pytest
from jinja2 import UndefinedError

from pages.rendering import environment

INPUT = '{% from "govuk_frontend_jinja/components/input/macro.html" import govukInput %}'


def rendered(source: str, **values: object) -> str:
    return environment("en").from_string(source).render(values)


def test_a_name_that_nobody_passed_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        rendered("{{ officer }}")


def test_a_member_that_a_value_lacks_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        rendered("{{ officer.name }}", officer=object())


def test_a_component_does_without_what_its_parameters_lack() -> None:
    page = rendered(INPUT + '{{ govukInput({"id": "a", "name": "a", "label": {"text": "A"}}) }}')
    assert '<input class="govuk-input" id="a" name="a" type="text">' in page


def test_what_a_component_shows_is_escaped() -> None:
    text = "<script>\"'&"
    page = rendered(
        INPUT + '{{ govukInput({"id": "a", "name": "a", "label": {"text": text}, "value": text}) }}', text=text
    )
    assert "<script>" not in page
    assert page.count("&lt;script&gt;&#34;&#39;&amp;") == 2
