"""Whether an event names a person: by a number in the country's own forms, anywhere in it."""

from collections.abc import Iterator

from ...profile import Profile


def names_a_person(event: object, profile: Profile) -> bool:
    """Whether some text or number of it has the form of a person's identifier that is recognisable by its form."""
    forms = [profile.patterns[each] for each in profile.recognisable]
    return any(form.fullmatch(text) for text in _texts(event) for form in forms)


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for name, each in value.items():
            yield str(name)
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
    elif isinstance(value, str | int) and not isinstance(value, bool):
        yield str(value).strip()
