from pathlib import Path

import pytest

from adapters.kit.manifest import ManifestError, load

GOOD = """
contract = 1
id = "levy"
name = "National Levy Fund"
owner = "integration@levy.example"
summary = "Contribution status of a fund member."
[transport]
kind = "rest"
base_url = "setting:LEVY_URL"
timeout_s = 5.0
[auth]
kind = "bearer"
token = "secret:LEVY_TOKEN"
[settings]
flavour = "setting:LEVY_FLAVOUR"
[service.contributions]
actions = ["read", "verify"]
id_types = ["UIN"]
sends = ["UIN"]
fields = ["closed_month", "months", "pensions"]
claims = ["contribution_status"]
record_schema = "canonical/contributions.v1.json"
sensitivity = "personal"
lag_months = 1
summary = "Contributions month by month."
"""


def folder(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "levy"
    path.mkdir()
    (path / "manifest.toml").write_text(text)
    return path


def test_a_good_manifest_becomes_typed_values(tmp_path: Path) -> None:
    manifest = load(folder(tmp_path, GOOD))
    service = manifest.service("levy.contributions")
    assert (manifest.id, manifest.transport.timeout_s, manifest.transport.attempts) == ("levy", 5.0, 3)
    assert manifest.settings_needed() == {"LEVY_URL", "LEVY_TOKEN", "LEVY_FLAVOUR"}
    assert (service.id, service.id_types, service.sent, service.lag_months) == (
        "levy.contributions",
        ("UIN",),
        {"UIN"},
        1,
    )
    assert service.immediate


@pytest.mark.parametrize(
    ("was", "becomes", "message"),
    [
        ('id = "levy"', 'id = "levies"', "they must be equal"),
        ('owner = "integration@levy.example"', "", "breaks schemas/own/manifest.v1.json"),
        ("contract = 1", "contract = 2", "breaks schemas/own/manifest.v1.json at /contract"),
        ("timeout_s = 5.0", "timeout_s = 5.0\nretries = 3", "breaks schemas/own/manifest.v1.json at /transport"),
        ('"setting:LEVY_URL"', '"http://levy.example"', "at /transport/base_url"),
        ('sends = ["UIN"]', "sends = []", "so list it in sends too"),
        ('"pensions"]', '"pensions", "marks"]', "are not in canonical/contributions.v1.json"),
        ('["contribution_status"]', '["readiness"]', "claim readiness needs"),
        ('["contribution_status"]', '["horoscope"]', "no claim horoscope"),
        ("contributions.v1", "levies.v1", "no schema canonical/levies.v1.json"),
        ("[transport]", "[transport", "not TOML"),
    ],
)
def test_a_wrong_manifest_is_refused_with_what_to_do(tmp_path: Path, was: str, becomes: str, message: str) -> None:
    assert was in GOOD
    with pytest.raises(ManifestError) as caught:
        load(folder(tmp_path, GOOD.replace(was, becomes, 1)))
    assert message in str(caught.value)


def test_a_folder_without_a_manifest_is_no_adapter(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="there is no manifest"):
        load(tmp_path)


def test_a_service_of_another_adapter_is_not_offered(tmp_path: Path) -> None:
    manifest = load(folder(tmp_path, GOOD))
    for other in ("tax.contributions", "levy.other", "levy"):
        with pytest.raises(ManifestError, match="offers no service"):
            manifest.service(other)
