"""An alert says what is on offer and where, and nothing about why this person."""

from itertools import product

import pytest

from sandbox.agencies.offices import texts
from sandbox.agencies.offices.places import DISTRICTS
from sandbox.population.census import census, place_names

CASES = list(product(texts.LANGUAGES, ("sms", "whatsapp", "voice"), texts.PROGRAMMES))
SCRIPT = {"sin": ("\u0d80", "\u0dff"), "tam": ("\u0b80", "\u0bff")}

# social assistance, benefit, poverty, registry, household, list, welfare board, Samurdhi, Aswesuma, and what they check
TELLING = {
    "eng": (
        "social", "assist", "benefit", "welfare", "poor", "poverty", "registr", "register", "household", "list",
        "samurdhi", "aswesuma", "subsid", "unemploy", "income", "tax", "pension", "eligib", "verif", "select",
    ),
    "sin": (
        "සමාජ", "ආරක්ෂණ", "සහනාධාර", "ප්‍රතිලාභ", "සුබසාධන", "දුප්පත්", "දිළිඳු", "ලේඛන", "ලියාපදිංචි", "ලැයිස්තු",
        "සමෘද්ධි", "අස්වැසුම", "ආධාර", "විරැකියා", "බදු", "විශ්‍රාම", "ගෘහ", "පවුල", "තෝරා",
    ),
    "tam": (
        "சமூக", "உதவித்தொகை", "நலன்புரி", "வறுமை", "ஏழை", "பதிவு", "பட்டியல்", "சமுர்த்தி", "அஸ்வெசும", "மானிய",
        "வேலையற்ற", "வருமான", "வரி", "ஓய்வூதிய", "குடும்ப", "தெரிவு", "தேர்ந்தெடு", "கொடுப்பனவு",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("language", "channel", "readiness"), CASES)
def test_text_names_the_offer_and_reveals_nothing(language: str, channel: str, readiness: str) -> None:
    for district in DISTRICTS:
        text = texts.text(language, channel, district, readiness).lower()
        assert texts.PROGRAMMES[readiness][language].lower() in text
        assert DISTRICTS[district][language].lower() in text
        said = text.replace(DISTRICTS[district][language].lower(), "")  # Badulla begins like the word for tax
        assert not [word for word in TELLING[language] if word in said]
        assert len(text) <= 400


@pytest.mark.parametrize("language", texts.LANGUAGES)
def test_written_messages_say_how_to_stop_them_and_spoken_ones_cannot(language: str) -> None:
    written, spoken = (texts.text(language, channel, "LK-11", "labour_ready") for channel in ("sms", "voice"))
    assert "STOP" in written
    assert "STOP" not in spoken


@pytest.mark.parametrize("language", SCRIPT)
def test_words_are_of_the_languages_own_script(language: str) -> None:
    first, last = SCRIPT[language]
    for channel, readiness in product(("sms", "voice"), texts.PROGRAMMES):
        text = texts.text(language, channel, "LK-41", readiness).replace("STOP", "")
        letters = [letter for letter in text if letter.isalpha()]
        assert letters
        assert all(first <= letter <= last for letter in letters)


def test_same_text_for_everybody_of_a_district_who_is_offered_the_same() -> None:
    assert set(texts.variables("eng", "LK-11", "labour_ready").values()) == {"Colombo", "job matching"}


def test_every_district_has_an_office_with_a_name_in_three_languages() -> None:
    assert set(DISTRICTS) == {division.district for division in census().divisions}
    for code, names in DISTRICTS.items():
        assert names["eng"] == place_names()[code]["eng"]
        assert set(names) == set(texts.LANGUAGES)
