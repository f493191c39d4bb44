"""The districts as an office writes its own name: English, Sinhala, Tamil. Codes are those of the census tables."""

DISTRICTS: dict[str, dict[str, str]] = {
    code: {"eng": english, "sin": sinhala, "tam": tamil}
    for code, english, sinhala, tamil in (
        ("LK-11", "Colombo", "කොළඹ", "கொழும்பு"),
        ("LK-12", "Gampaha", "ගම්පහ", "கம்பஹா"),
        ("LK-13", "Kalutara", "කළුතර", "களுத்துறை"),
        ("LK-21", "Kandy", "මහනුවර", "கண்டி"),
        ("LK-22", "Matale", "මාතලේ", "மாத்தளை"),
        ("LK-23", "Nuwara Eliya", "නුවරඑළිය", "நுவரெலியா"),
        ("LK-31", "Galle", "ගාල්ල", "காலி"),
        ("LK-32", "Matara", "මාතර", "மாத்தறை"),
        ("LK-33", "Hambantota", "හම්බන්තොට", "அம்பாந்தோட்டை"),
        ("LK-41", "Jaffna", "යාපනය", "யாழ்ப்பாணம்"),
        ("LK-42", "Mannar", "මන්නාරම", "மன்னார்"),
        ("LK-43", "Vavuniya", "වවුනියාව", "வவுனியா"),
        ("LK-44", "Mullaitivu", "මුලතිව්", "முல்லைத்தீவு"),
        ("LK-45", "Kilinochchi", "කිලිනොච්චිය", "கிளிநொச்சி"),
        ("LK-51", "Batticaloa", "මඩකලපුව", "மட்டக்களப்பு"),
        ("LK-52", "Ampara", "අම්පාර", "அம்பாறை"),
        ("LK-53", "Trincomalee", "ත්‍රිකුණාමලය", "திருகோணமலை"),
        ("LK-61", "Kurunegala", "කුරුණෑගල", "குருநாகல்"),
        ("LK-62", "Puttalam", "පුත්තලම", "புத்தளம்"),
        ("LK-71", "Anuradhapura", "අනුරාධපුරය", "அனுராதபுரம்"),
        ("LK-72", "Polonnaruwa", "පොළොන්නරුව", "பொலன்னறுவை"),
        ("LK-81", "Badulla", "බදුල්ල", "பதுளை"),
        ("LK-82", "Monaragala", "මොණරාගල", "மொணராகலை"),
        ("LK-91", "Ratnapura", "රත්නපුර", "இரத்தினபுரி"),
        ("LK-92", "Kegalle", "කෑගල්ල", "கேகாலை"),
    )
}
