"""Who starts the demo reads each login beside the place where it is used, and no login that opens nothing."""

import json
from pathlib import Path

from gateway.cli.demo.people import CITIZENS, FILE, who_may_sign_in

GATEWAY = "http://127.0.0.1:8080"
ROLES = {"runs": "operator", "plans": "planning_reviewer", "visits": "employment_counsellor", "helps": "gn_officer"}


def test_each_login_is_printed_below_the_address_where_it_opens_something(tmp_path: Path) -> None:
    officers = [{"login": login, "password": "x", "roles": [role], "member": "M"} for login, role in ROLES.items()]
    (tmp_path / FILE).write_text(json.dumps(officers), encoding="utf-8")
    citizen = {"login": "person-1", "password": "secret-1", "name": "Amara Silva", "number": "199012300011"}
    (tmp_path / CITIZENS).write_text(json.dumps([citizen]), encoding="utf-8")
    below: dict[str, list[str]] = {}
    address = ""
    for line in who_may_sign_in(tmp_path, GATEWAY):
        if not line.startswith("  "):
            address = next(word for word in line.split() if word.startswith(GATEWAY)).rstrip(";")
        else:
            below.setdefault(address.removeprefix(GATEWAY), []).append(line.split()[0])
        assert citizen["number"] not in line
    assert below == {"/console": ["runs"], "/v1/assisted/uses": ["helps"], "/my-data": ["person-1"]}
