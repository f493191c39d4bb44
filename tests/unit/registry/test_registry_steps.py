"""The steps against a scripted gateway: resumable, single, and never further than the person agreed."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from sandhi_client.keys import PublicKeys, unb64

from registry import compliance, control, review, updates
from registry.cli import STEPS
from registry.control import differences, numbers
from registry.errors import StepFailed
from registry.report import figures
from registry.server import app
from registry.stage import Stage
from tests.unit.registry.people import FORMS, a_registration
from tests.unit.registry.scripted import Gateway, number_of

TO_LIST = ("load", "consents", "extract", "identity", "civil", "pension", "tax", "education", "enrolled", "list")


async def run(stage: Stage, *steps: str) -> None:
    for step in steps:
        await STEPS[step](stage)


def listed(stage: Stage) -> dict[str, tuple[str, list[str]]]:
    lines = [json.loads(line) for line in stage.settings.list_file.read_text("utf-8").splitlines()]
    assert [line["id"] for line in lines] == sorted(line["id"] for line in lines)
    return {line["id"]: (line["outcome"], line["reasons"]) for line in lines}


async def tell(stage: Stage, body: bytes, path: str = "/registry/notify") -> dict[str, Any]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app(stage)), base_url="http://registry") as client:
        answer = await client.post(path, content=body)
    told: dict[str, Any] = answer.json()["message"]
    return told


async def acknowledge(stage: Stage, gateway: Gateway, state: str = "accepted") -> None:
    rows = stage.store.rows("SELECT member FROM handover WHERE kind = 'referral' AND state = 'sent'")
    records = [{"member_id": row["member"], "state": state, "date": "2026-10-31"} for row in rows]
    assert (await tell(stage, gateway.notify("enrolment-event", *records)))["ack_status"] == "ACK"


async def pushed(stage: Stage, gateway: Gateway) -> None:
    """Everything up to the push, ESS's word on each person included."""
    await run(stage, *TO_LIST, "review")
    with pytest.raises(StepFailed, match="ESS has said nothing about"):
        await run(stage, "push")
    await acknowledge(stage, gateway)
    await run(stage, "push")


async def test_every_flagged_member_gets_one_line(stage: Stage, gateway: Gateway) -> None:
    await run(stage, *TO_LIST)
    expected = ("listed", ["assess_at_outreach", "never_contributed"])
    assert listed(stage) == {f"SR{place:04d}": expected for place in range(5)}


async def test_every_line_carries_the_exchanges_it_rests_on(stage: Stage, gateway: Gateway) -> None:
    await run(stage, *TO_LIST)
    line = next(review.lines(stage))
    asked = {batch["service"]: batch_id for batch_id, batch in gateway.batches.items()}
    assert {each["service"]: each["exchange_id"] for each in line["evidence"]} == asked
    as_of = {each["service"]: each["as_of"] for each in line["evidence"]}
    assert as_of["national_id.identity"] == "2026-10-31"
    assert as_of["pension.contributions"] is None


async def test_consents_are_sent_once_with_an_id_that_tells_nothing_and_for_what_a_referral_leads_to(
    stage: Stage, gateway: Gateway
) -> None:
    await run(stage, "load", "consents", "consents")
    assert len(gateway.consents) == 12
    assert not any("SR0" in each["id"] for each in gateway.consents.values())
    (referral,) = {tuple(each["services"]) for each in gateway.consents.values() if "LK-11" in str(each["services"])}
    assert "LK.GOV.DME.OFFICE-LK-11/referral" in referral
    assert "LK.GOV.WBB.SRIS/enrolment" in referral
    purposes = {
        each["message"]["subscribe_request"][0]["subscribe_criteria"]["authorize"]["purpose"]["code"]
        for each in gateway.subscriptions
    }
    assert purposes == {"employment-support.referral", "employment-support.eligibility"}
    assert len(gateway.subscriptions) == 3


async def test_only_what_a_question_needs_leaves(stage: Stage, gateway: Gateway) -> None:
    await run(stage, *TO_LIST)
    (fund,) = gateway.asked("pension.contributions")
    assert fund["claim"] == {"name": "contribution_status", "parameters": {"months": 6}}
    assert all(line["subject"].keys() == {"identifiers"} for line in fund["lines"])
    assert gateway.asked("tax.employment") == []  # declared to have no number: no call
    assert gateway.asked("education.attainment") == []
    assert not any("SR0" in line["line"] for batch in gateway.batches.values() for line in batch["lines"])


async def test_nobody_is_asked_about_further_when_the_outcome_is_certain(stage: Stage, gateway: Gateway) -> None:
    dead = {"confirmed": True, "birth_date": "1990-05-05", "death_date": "2026-01-01"}
    others = gateway.answers["national_id.identity"]

    def identity(subject: Mapping[str, Any]) -> dict[str, Any]:
        answer = others(subject)
        return answer | ({"record": dead} if number_of(subject).endswith("02") else {})

    gateway.answers["national_id.identity"] = identity
    await run(stage, *TO_LIST)
    assert listed(stage)["SR0002"] == ("deceased", ["deceased"])
    (asked,) = gateway.asked("ess.enrolment")
    assert len(asked["lines"]) == 4


async def test_a_step_that_is_run_again_asks_nothing_again(stage: Stage, gateway: Gateway) -> None:
    await run(stage, *TO_LIST)
    asked = gateway.calls["batch"]
    before = listed(stage)
    await run(stage, *TO_LIST)
    assert gateway.calls["batch"] == asked
    assert listed(stage) == before


async def test_a_batch_that_the_gateway_lost_is_asked_for_anew(stage: Stage, gateway: Gateway) -> None:
    gateway.held = True
    await run(stage, "load", "extract")
    await _cut(stage, "identity")
    gateway.held = False
    gateway.forgotten = set(gateway.batches)
    await run(stage, "identity")
    assert gateway.calls["batch"] == 2
    assert stage.store.count("SELECT count(*) FROM answer") == 5


async def test_a_batch_that_does_not_move_is_not_waited_for_for_ever(stage: Stage, gateway: Gateway) -> None:
    gateway.held = True
    await run(stage, "load", "extract")
    hasty = replace(stage, settings=replace(stage.settings, batch_patience_s=0.1))
    with pytest.raises(StepFailed, match="has not moved"):
        await run(hasty, "identity")
    gateway.held = False
    await run(stage, "identity")
    assert gateway.calls["batch"] == 1


async def _cut(stage: Stage, step: str) -> None:
    """Run a step until its batch is being waited for, and drop it there."""
    task = asyncio.create_task(run(stage, step))
    while stage.store.counts("SELECT state, count(*) FROM batch GROUP BY state") != {"started": 1}:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_registry_killed_while_it_waits_goes_on_with_the_same_batch(
    stage: Stage, gateway: Gateway, environment: Mapping[str, str], tmp_path: Path
) -> None:
    gateway.held = True
    await run(stage, "load", "extract")
    _killed(_command("pension", stage.settings.folder), environment, when=lambda: gateway.calls["state"] > 0)
    gateway.held = False
    await run(stage, "pension")
    assert gateway.calls["batch"] == 1
    assert stage.store.count("SELECT count(*) FROM answer WHERE step = 'pension'") == 5


def _command(step: str, folder: Path) -> list[str]:
    return [sys.executable, "-m", "registry", "step", step, "--data", str(folder)]


def _killed(command: list[str], environment: Mapping[str, str], when: Callable[[], bool]) -> None:
    """Start a step and kill it at a moment."""
    with subprocess.Popen(command, env={**os.environ, **environment}, stdout=subprocess.DEVNULL) as process:
        end = time.monotonic() + 20
        while not when():
            assert time.monotonic() < end
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)


def _ended(command: list[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    everything = {**os.environ, **environment}
    return subprocess.run(command, env=everything, capture_output=True, text=True, check=False, timeout=60)


def test_an_intake_that_cannot_be_read_is_one_sentence_and_exit_code_one(
    environment: Mapping[str, str], tmp_path: Path
) -> None:
    intake = Path(environment["REGISTRY_INTAKE"])
    intake.write_text(intake.read_text("utf-8") + '{"member_id": "SR9", "names": "Secret Name"}\n', "utf-8")
    ended = _ended(_command("load", tmp_path / "registry"), environment)
    assert ended.returncode == 1
    assert ended.stderr == "registry: line 7 of the intake is no member record with a NIC number\n"


async def test_a_list_needs_every_source_asked(stage: Stage) -> None:
    await run(stage, "load", "extract", "identity")
    with pytest.raises(StepFailed, match="civil, pension, tax, education, enrolled"):
        await run(stage, "list")


async def test_every_approved_line_is_pushed_once_however_often_the_step_runs(stage: Stage, gateway: Gateway) -> None:
    await pushed(stage, gateway)
    await run(stage, "push")
    assert len(gateway.deliveries) == 5
    record = next(iter(gateway.deliveries.values()))["record"]
    assert record["person"].keys() == {"names", "sex", "birth_date", "phone", "language"}
    assert record["location"] == {"gn_division": "LK-1103115", "ds_division": "LK-1103", "district": "LK-21"}
    assert {each["service"] for each in record["evidence"]} >= {"pension.contributions", "national_id.identity"}


async def test_a_delivery_cut_before_it_was_noted_is_sent_again_under_the_same_key(
    stage: Stage, gateway: Gateway
) -> None:
    await pushed(stage, gateway)
    stage.store.put("UPDATE handover SET state = 'new', delivery_id = '' WHERE member = ?", [("SR0001",)])
    await run(stage, "push")
    assert gateway.calls["delivery"] == 6
    assert len(gateway.deliveries) == 5


async def test_who_withdrew_is_not_pushed_and_the_line_says_so(stage: Stage, gateway: Gateway) -> None:
    gateway.refused = {"199000000003"}
    await pushed(stage, gateway)
    assert listed(stage)["SR0003"][1] == ["assess_at_outreach", "never_contributed", "no_basis_for_push"]
    found = numbers(stage.store)
    assert (found.approved, found.pushed, found.not_pushed, found.acknowledged) == (5, 4, 1, 4)
    assert list(differences(stage.store, found)) == []


def take_in(environment: Mapping[str, str], *registrations: Mapping[str, Any]) -> None:
    lines = "".join(json.dumps(each) + "\n" for each in registrations)
    Path(environment["REGISTRY_INTAKE"]).write_text(lines, "utf-8")


async def test_who_never_agreed_to_a_referral_is_not_even_tried(
    stage: Stage, gateway: Gateway, environment: Mapping[str, str]
) -> None:
    take_in(environment, a_registration(0), a_registration(1, consents=FORMS[:1]))
    await pushed(stage, gateway)
    assert "no_basis_for_push" in listed(stage)["SR0001"][1]
    assert gateway.calls["delivery"] == 1


async def test_a_rejected_line_is_kept_with_the_reason_and_never_pushed(stage: Stage, gateway: Gateway) -> None:
    await run(stage, *TO_LIST)
    review.reviewed(stage, "comment", "SR0002", "a reviewer", "ask the family")
    review.reviewed(stage, "reject", "SR0002", "a reviewer", "moved abroad")
    await pushed(stage, gateway)
    assert "withheld_by_reviewer" in listed(stage)["SR0002"][1]
    assert len(gateway.deliveries) == 4
    (line,) = [each for each in review.lines(stage, waiting=False) if each["id"] == "SR0002"]
    assert [each["reason"] for each in line["said"]] == ["ask the family", "moved abroad"]
    with pytest.raises(StepFailed, match="pushed already"):
        review.reviewed(stage, "reject", "SR0001", "a reviewer", "too late")
    with pytest.raises(StepFailed, match="--reason"):
        review.reviewed(stage, "reject", "SR0001", "a reviewer", " ")


async def test_what_a_counsellor_found_is_evidence_of_its_own(stage: Stage, gateway: Gateway) -> None:
    await pushed(stage, gateway)
    before = listed(stage)
    checks = [{"source": "tax", "finding": "working"}]
    finding = {"member_id": "SR0002", "checks": checks, "found_on": "2026-11-03", "officer_role": "counsellor"}
    await tell(stage, gateway.notify("finding", finding))
    assert {line["id"]: line["findings"] for line in review.lines(stage, waiting=False) if line["findings"]} == {
        "SR0002": [finding]
    }
    assert listed(stage) == before


async def test_a_household_is_confirmed_when_all_its_pushed_members_have_an_answer(
    stage: Stage, gateway: Gateway
) -> None:
    await pushed(stage, gateway)
    states = {"SR0000": "enrolled", "SR0001": "declined", "SR0002": "confirmed", "SR0003": "not_reached"}
    records = [{"member_id": member, "state": state, "date": "2026-11-05"} for member, state in states.items()]
    await tell(stage, gateway.notify("enrolment-event", *records))

    def support(subject: Mapping[str, Any]) -> dict[str, Any]:
        enrolled = number_of(subject)[-2:] in {"00", "02"}
        return {"outcome": "answered", "record": {"enrolled": enrolled}, "as_of": "2026-11-06", "withheld": []}

    gateway.answers["ess.enrolment"] = support
    await run(stage, "enrolments")
    found = numbers(stage.store)
    assert (found.enrolled, found.to_visit, found.households, found.confirmed_households) == (2, 1, 3, 1)
    assert list(differences(stage.store, found)) == []


async def test_the_periodic_question_is_put_anew_each_time(stage: Stage, gateway: Gateway) -> None:
    await pushed(stage, gateway)
    await run(stage, "enrolments", "enrolments")
    purposes = [each["purpose"] for each in gateway.asked("ess.enrolment")]
    assert purposes == ["employment-support.eligibility", *["employment-support.referral"] * 2]


async def test_a_death_that_civil_registration_told_reaches_ess_once(stage: Stage, gateway: Gateway) -> None:
    await pushed(stage, gateway)
    number = {"identifier_type": "NIC", "identifier_value": "900000001V"}  # nobody's, in its old form
    ours = {"identifier_type": "NIC", "identifier_value": "199000000001"}
    events = [{"event": "death", "date": "2026-11-02", "identifiers": [each]} for each in (number, ours)]
    await tell(stage, gateway.notify("vital-event", *events))
    await run(stage, "updates", "updates")
    told = [each["record"] for each in gateway.deliveries.values() if each["service"] == "ess.update"]
    deaths = [each for each in told if each["event"] == "died"]
    assert deaths == [{"member_id": "SR0001", "event": "died", "date": "2026-11-02"}]
    assert all(updates.reported(each["member_id"]) == each["event"] for each in told if each["event"] != "died")


async def test_the_compliance_check_ends_in_a_notice_and_a_decision_of_a_person(
    stage: Stage, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compliance, "SHARE", 1)
    await run(stage, *TO_LIST, "compliance")
    (asked,) = [each for each in gateway.asked("ess.enrolment") if each["purpose"] == compliance.PURPOSE]
    assert asked["case"] == "compliance-2026-10"
    cases = stage.store.rows("SELECT * FROM compliance ORDER BY member")
    assert {row["decision"] for row in cases} == {"pending"}
    assert {row["notice"] for row in cases} == {compliance.NOTICE["sin"]}
    compliance.decided(stage, "SR0001", "continue", "an officer", "was ill")
    with pytest.raises(StepFailed, match="no open case"):
        compliance.decided(stage, "SR0001", "stop", "an officer", "again")


async def test_who_cannot_be_checked_is_no_case(
    stage: Stage, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compliance, "SHARE", 1)
    await run(stage, *TO_LIST)
    gateway.answers["ess.enrolment"] = lambda _subject: {"outcome": "source_down", "detail": "down"}
    await run(stage, "compliance")
    assert stage.store.count("SELECT count(*) FROM compliance") == 0


async def test_the_control_report_adds_up_and_is_signed_by_who_released_it(stage: Stage, gateway: Gateway) -> None:
    await pushed(stage, gateway)
    await run(stage, "enrolments", "control")
    signed = (stage.settings.folder / "control.jws").read_text("ascii").strip()
    header, payload, signature = signed.split(".")
    key = stage.client.session.key
    assert PublicKeys({"keys": [key.public_jwk]}).signed(unb64(payload), f"{header}..{signature}")
    report = json.loads(unb64(payload))
    assert report["released_by"] == "an officer"
    assert report["unexplained"] == []
    assert report["numbers"]["flagged"] == 5
    assert "SR0" not in json.dumps(report)


async def test_what_does_not_add_up_is_unexplained(stage: Stage, gateway: Gateway) -> None:
    await pushed(stage, gateway)
    stranger = {"member_id": "SR9999", "state": "enrolled", "date": "2026-11-05"}
    await tell(stage, gateway.notify("enrolment-event", stranger))
    stage.store.put("DELETE FROM line WHERE member = ?", [("SR0004",)])
    told = list(differences(stage.store, numbers(stage.store)))
    assert "flagged = sum of outcomes: 5 and 4" in told
    assert "approved = pushed + withheld with reason: 4 and 5" in told
    assert {"flagged records without a line", "events about nobody we pushed"} < set(told)
    assert next(control.told(numbers(stage.store))).startswith("flagged 5 = listed 4")


async def test_the_report_has_the_registrys_members(stage: Stage, gateway: Gateway) -> None:
    await pushed(stage, gateway)
    found = figures(stage.settings, stage.store)
    assert found["checked"] == {
        "national_id": 5,
        "civil_registration": 5,
        "pension": 5,
        "tax": 0,
        "education": 0,
        "ess": 5,
    }
    assert (found["people"], found["flagged"], found["listed"], found["counsellor"]) == (6, 5, 5, 0)
    assert (found["pushed"], found["acknowledged"], found["offices"]) == (5, 5, 2)
    assert found["segments"] == {"LK-11": 2, "LK-21": 3}
    assert found["unexplained"] == 0
