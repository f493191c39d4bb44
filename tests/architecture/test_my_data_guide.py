"""The bodies of docs/guides/my-data.md are taken as they stand; its commands are parsed by test_documents."""

import json

from architecture.checkout import ROOT, blocks

from adapters.kit import discovery, manifest
from gateway.edges.citizen.assisted import HelpIn
from gateway.edges.citizen.contesting import ContestIn
from gateway.edges.v1.contests import ResolutionIn
from gateway.edges.v1.stops import StopIn

PAGE = (ROOT / "docs/guides/my-data.md").read_text("utf-8")


def test_the_bodies_of_the_guide_have_their_shape_and_name_what_exists() -> None:
    contest, help_ = (json.loads(body) for _, body in blocks(PAGE, "json"))
    assert HelpIn.model_validate(help_).reference == "FORM-17"
    wish = ContestIn.model_validate(contest)
    services = {
        service.id: service.fields
        for folder in discovery.discover().values()
        for service in manifest.load(folder).services.values()
    }
    assert wish.fields <= services[str(wish.service)]
    ResolutionIn.model_validate(json.loads('{"state": "corrected", "answer": "May was booked twice."}'))
    StopIn.model_validate(json.loads('{"consumer": "LK/GOV/WBB/SRIS", "reason": "..."}'))
    for said in (
        '{"state": "corrected", "answer": "May was booked twice."}',
        '{"consumer": "LK/GOV/WBB/SRIS", "reason": "..."}',
    ):
        assert said in PAGE
