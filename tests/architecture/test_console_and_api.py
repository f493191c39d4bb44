"""What the console can do, the API can do: each form of a page calls an operation of `/v1`, and none holds a rule."""

import ast
import inspect
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import pytest
from architecture.test_access import a_house
from fastapi.routing import iter_route_contexts

CONSOLE = Path(__file__).parents[2] / "gateway/console"
ADAPTER = "/v1/adapters/{adapter}"
SAME = {
    "access-requests": "POST /v1/audit/access-requests",
    "access-requests/{request_id}/handed": "POST /v1/audit/access-requests/{request_id}/handed",
    "agency/adapters": "POST /v1/adapters",
    "agency/adapters/check": "POST /v1/adapters/check",
    "agency/adapters/draft": "POST /v1/adapters/draft",
    "agency/adapters/{adapter}/{verb}": f"POST {ADAPTER}/inputs, POST {ADAPTER}/versions/{{number}}/test,"
    f" POST {ADAPTER}/versions/{{number}}/release, POST {ADAPTER}/rollback,"
    f" POST {ADAPTER}/versions/{{number}}/withdraw, POST {ADAPTER}/versions/{{number}}/retire,"
    f" POST {ADAPTER}/outages, DELETE {ADAPTER}/outages/{{outage}}",
    "agency/agreements/signed/{agreement_id}/widen": "POST /v1/approvals",
    "agency/agreements/{number}/{verb}": "POST /v1/proposals/{number}/sign, POST /v1/proposals/{number}/{verb}",
    "agency/provided/{adapter}/{verb}": "POST /v1/provided-adapters/{adapter}/windows,"
    " PUT /v1/provided-adapters/{adapter}/windows/{window}, DELETE /v1/provided-adapters/{adapter}/windows/{window}",
    "agency/systems/{system}/callback": "POST /v1/approvals",
    "agency/systems/{system}/keys": "POST /v1/systems/{system}/keys",
    "agency/systems/{system}/retire": "DELETE /v1/systems/{system}/keys/{kid}",
    "agency/traffic/resend": "POST /v1/approvals",
    "agency/contests/{contest_id}": "POST /v1/contests/{contest_id}/resolve",
    "agency/unmapped": "POST /v1/unmapped",
    "agency/uses/{verb}": "POST /v1/stops, POST /v1/consumers/approvals, POST /v1/consumers/approve-each,"
    " POST /v1/consumers/controls/{control_id}/end",
    "agreements/draft": "POST /v1/audit/agreements/simulate",
    "approvals/{approval_id}/approve": "POST /v1/approvals/{approval_id}/approve",
    "approvals/{approval_id}/reject": "POST /v1/approvals/{approval_id}/reject",
    "approvals/{approval_id}/withdraw": "POST /v1/approvals/{approval_id}/withdraw",
    "breaches": "POST /v1/audit/breaches",
    "breaches/{breach_id}/notified": "POST /v1/audit/breaches/{breach_id}/notified",
    "drill": "POST /v1/audit/drill",
    "emergencies/{exchange_id}": "POST /v1/emergencies/{exchange_id}/review",
    "exchanges": "POST /v1/audit/queries",
    "exchanges/search": "GET /v1/audit/exchanges",
    "exchanges/{exchange_id}/details": "GET /v1/audit/exchanges/{exchange_id}/details",
    "exchanges/{exchange_id}/replay": "POST /v1/audit/exchanges/{exchange_id}/replay",
    "findings/run": "POST /v1/audit/findings/run",
    "findings/{finding_id}/{verb}": "POST /v1/audit/findings/{finding_id}/assign,"
    " POST /v1/audit/findings/{finding_id}/remarks, POST /v1/audit/findings/{finding_id}/sign-off",
    "officers": "POST /v1/officers",
    "officers/{officer_id}/revoke": "DELETE /v1/officers/{officer_id}/roles/{grant_id}",
    "officers/{officer_id}/roles": "POST /v1/officers/{officer_id}/roles, POST /v1/approvals",
    "officers/{officer_id}/state": "POST /v1/officers/{officer_id}/state",
    "operation/members": "POST /v1/members",
    "operation/members/{member}/state": "POST /v1/members/{member}/state, POST /v1/approvals",
    "operation/queues/propose": "POST /v1/approvals",
    "person": "POST /v1/audit/exchanges/search",
    "person/consents": "POST /v1/audit/consents/search",
    "queries/{query_id}/remove": "DELETE /v1/audit/queries/{query_id}",
    "reports": "POST /v1/audit/reports/planned",
    "reports/{plan_id}/remove": "DELETE /v1/audit/reports/planned/{plan_id}",
    "samples": "POST /v1/audit/samples",
    "samples/{sample_id}/{verb}": "POST /v1/audit/samples/{sample_id}/draw,"
    " POST /v1/audit/samples/{sample_id}/sign-off, POST /v1/audit/samples/{sample_id}/exchanges/{exchange_id}",
    "statements": "POST /v1/audit/statements",
}
"""Form of the console -> what does the same for a program."""
OF_BROWSERS = {"/console/reason", "/console/sign-out"}
"""The reason is the header `Audit-Reason` of a program, and its session is its token."""


@pytest.fixture
async def endpoints(tmp_path: Path) -> dict[str, Any]:
    """`POST /v1/exchanges` -> the function behind it, of every route."""
    async with a_house(tmp_path) as house:
        return {
            f"{method} {each.path}": each.endpoint
            for each in iter_route_contexts(house.app.routes)
            for method in each.methods or ()
        }


def forms_of(endpoints: Mapping[str, FunctionType]) -> set[str]:
    """Every address of the console that a form is posted to."""
    posted = {name.removeprefix("POST ") for name in endpoints if name.startswith("POST /console")}
    return posted - OF_BROWSERS


def test_each_form_of_the_console_has_its_operation_at_the_api(endpoints: Mapping[str, FunctionType]) -> None:
    assert forms_of(endpoints) == {f"/console/{form}" for form in SAME}
    lacking = {each for told in SAME.values() for each in told.split(", ")} - endpoints.keys()
    assert lacking == set()


def test_each_form_calls_that_operation_itself(endpoints: Mapping[str, FunctionType]) -> None:
    for form, told in SAME.items():
        page = sys.modules[endpoints[f"POST /console/{form}"].__module__]
        called = set(_called(page))
        for each in told.split(", "):
            name = endpoints[each].__name__
            assert name in called, f"{form} does not call {each} ({name})"


def test_no_page_changes_anything_but_by_an_operation() -> None:
    for path in sorted(CONSOLE.glob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        held = [
            node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute)
        ]
        assert {node.attr for node in held}.isdisjoint({"write", "append", "append_in"}), (
            path.name
        )  # of a database, a log


def _called(page: ModuleType) -> Iterator[str]:
    for node in ast.walk(ast.parse(inspect.getsource(page))):
        if isinstance(node, ast.Attribute):
            yield node.attr


OF_CITIZENS = {
    "consents/{consent_id}/withdraw": ("POST /v1/my/consents/{consent_id}/withdraw", "withdrawn"),
    "contest": ("POST /v1/my/contests", "contested"),
    "contests/{contest_id}/withdraw": ("POST /v1/my/contests/{contest_id}/withdraw", "contest_withdrawn"),
}
"""Form of the citizens' pages -> what does the same for their own programs, and the step that both take."""


def test_a_citizen_s_forms_and_programs_take_the_same_steps(endpoints: Mapping[str, FunctionType]) -> None:
    posted = {name.removeprefix("POST /my-data/") for name in endpoints if name.startswith("POST /my-data/")}
    assert posted - {"sign-out"} == OF_CITIZENS.keys()
    for form, (operation, step) in OF_CITIZENS.items():
        for each in (f"POST /my-data/{form}", operation):
            assert f"doing.{step}(" in inspect.getsource(endpoints[each]), each
