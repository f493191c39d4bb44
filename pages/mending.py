"""A form that was not taken: what is wrong with each field, and what was typed, for the page that shows it again.

Every page shows all of it at once: a summary on top, whose links lead to the fields, and each text beside its field.
`base.html` has the summary; macros and GOV.UK's own parts ask here for the text beside a field and for its value.

Source: GOV.UK Design System, error summary and error message; WCAG 2.2, 3.3.1, 3.3.3 and 3.3.7.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from jinja2 import pass_context
from jinja2.runtime import Context


@dataclass(frozen=True, slots=True)
class Wrong:
    """One field to mend: `at` is its id on the page, `text` a sentence in the reader's language."""

    at: str
    text: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a form was not taken.

    Attributes:
        wrong: in the order of the page.
        typed: id of a field on the page -> what was typed; never a secret.
    """

    wrong: Sequence[Wrong]
    typed: Mapping[str, str] = field(default_factory=dict)

    def shown(self) -> dict[str, object]:
        """The variables of a page that shows it."""
        return {"to_mend": self.wrong, "typed": self.typed}


@pass_context
def wrong_with(context: Context, at: str) -> str:
    """`wrong_with(id)` of templates: what is wrong there; empty where nothing is."""
    return " ".join(each.text for each in context["to_mend"] if each.at == at)


@pass_context
def error_of(context: Context, at: str) -> dict[str, object] | None:
    """`error_of(id)` of templates: the `errorMessage` of GOV.UK's own parts; None where nothing is wrong."""
    text = wrong_with(context, at)
    return {"text": text, "visuallyHiddenText": context["_"]("Error")} if text else None


@pass_context
def typed_in(context: Context, at: str, value: object = "") -> object:
    """`typed_in(id, value)` of templates: what was typed there before, else `value`."""
    return context["typed"].get(at, value)


IN_TEMPLATES: Mapping[str, object] = {
    "to_mend": (),
    "typed": {},
    "wrong_with": wrong_with,
    "error_of": error_of,
    "typed_in": typed_in,
}
"""Names of every template; a page that shows a form again has its own `to_mend` and `typed`."""
