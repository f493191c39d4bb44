"""What an alert says, in Sinhala, Tamil and English: what is on offer, where, and nothing about why this person.

An alert may be seen or heard by others. So it names no person, and neither a benefit, a register, a list nor another
authority: everybody who lives in the district could have got it.
"""

from .places import DISTRICTS

LANGUAGES = ("sin", "tam", "eng")

# what the office offers, by how ready a person is for work
PROGRAMMES = {
    "labour_ready": {"eng": "job matching", "sin": "රැකියා සම්බන්ධීකරණ වැඩසටහන", "tam": "வேலைவாய்ப்பு இணைப்புத் திட்டம்"},
    "needs_training": {
        "eng": "vocational training",
        "sin": "වෘත්තීය පුහුණු පාඨමාලාව",
        "tam": "தொழிற்பயிற்சி வகுப்பு",
    },
    "assess_at_outreach": {
        "eng": "career guidance",
        "sin": "වෘත්තීය මාර්ගෝපදේශන සේවාව",
        "tam": "தொழில் வழிகாட்டல் சேவை",
    },
}
INVITATION = {
    "eng": "Local employment office, {place}: free {programme} is open to you. "
    "Come to the office on a weekday from 9 to 15.",
    "sin": "{place} රැකියා සේවා කාර්යාලය: {programme} ඔබට නොමිලේ විවෘතයි. සතියේ දිනක පෙ.ව. 9 සිට ප.ව. 3 දක්වා කාර්යාලයට පැමිණෙන්න.",
    "tam": "{place} வேலைவாய்ப்பு அலுவலகம்: {programme} உங்களுக்கு இலவசமாகத் திறந்துள்ளது. "
    "வார நாளில் காலை 9 முதல் மாலை 3 வரை அலுவலகத்திற்கு வாருங்கள்.",
}
OPT_OUT = {
    "eng": "Reply STOP to get no more messages.",
    "sin": "තවත් පණිවිඩ එපා නම් STOP ලෙස පිළිතුරු එවන්න.",
    "tam": "மேலும் செய்திகள் வேண்டாம் எனில் STOP என பதில் அனுப்புங்கள்.",
}


def text(language: str, channel: str, district: str, readiness: str) -> str:
    """The alert's text. What is spoken cannot be answered with STOP."""
    place, programme = DISTRICTS[district][language], PROGRAMMES[readiness][language]
    invitation = INVITATION[language].format(place=place, programme=programme)
    return invitation if channel == "voice" else f"{invitation} {OPT_OUT[language]}"


def variables(language: str, district: str, readiness: str) -> dict[str, str]:
    """What fills the WhatsApp template, which has the invitation's other words: 1 is the office, 2 the programme."""
    return {"1": DISTRICTS[district][language], "2": PROGRAMMES[readiness][language]}


def programme(readiness: str) -> str:
    """The programme's name for the employment support system."""
    return PROGRAMMES[readiness]["eng"]
