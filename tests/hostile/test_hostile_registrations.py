"""What a stranger may bring as an adapter: each refused with a named rule within two seconds, nothing fetched, nothing
run. Threats 13 to 22, seen from the registration."""

import base64
import json
import ssl
import stat
import time
import zipfile
from collections.abc import Callable, Mapping
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hostile_outside import certified, tls_server

from adapters.kit.dci_wire import CLEAR
from adapters.kit.egress import Dialler
from gateway.registration import checking, folder, inputs, probing
from gateway.registration.errors import AdapterRefused, StepRefused
from gateway.trust.errors import AddressRefused
from tests.offices_house import an_agency, texts

SECONDS = 2.0
DAY = date(2026, 10, 31)
TLS = ssl.create_default_context()


def schema(**members: Any) -> str:
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **members})


def doubling(levels: int) -> str:
    """2^levels ways through a short schema."""
    defs = {f"a{n}": {"anyOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(levels)}
    return schema(**{"$defs": defs | {f"a{levels}": {"type": "string"}}, "$ref": "#/$defs/a0"})


def xsd(content: str) -> str:
    return f'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">{content}</xs:schema>'


def manifest(old: str, new: str) -> dict[str, str]:
    changed = texts()["manifest.toml"].replace(old, new)
    assert changed != texts()["manifest.toml"]
    return {"manifest.toml": changed}


def mapping(text: str) -> dict[str, str]:
    return {"mapping.toml": f"[offers]\n{text}\n"}


HOSTILE: dict[str, tuple[dict[str, str], str]] = {
    "schema: doubling references": ({"answer.json": doubling(30)}, "branches"),
    "schema: refers to itself": ({"answer.json": schema(**{"$ref": "#"})}, "recursion"),
    "schema: remote reference": ({"answer.json": schema(**{"$ref": "http://127.0.0.1:CANARY/x.json"})}, "reference"),
    "schema: file reference": ({"answer.json": schema(**{"$ref": "file:///etc/passwd"})}, "reference"),
    "schema: remote dialect": ({"answer.json": json.dumps({"$schema": "http://127.0.0.1:CANARY/"})}, "dialect"),
    "schema: deep": ({"answer.json": '{"not":' * 5000 + "{}" + "}" * 5000}, "json"),
    "schema: many nodes": ({"answer.json": schema(enum=list(range(6000)))}, "too_many_nodes"),
    "schema: two meanings": ({"answer.json": '{"type": "object", "type": "string"}'}, "json"),
    "schema: slow pattern": ({"answer.json": schema(pattern="(a{1,1000}){1,1000}$")}, "pattern"),
    "schema: pattern that looks back": ({"answer.json": schema(pattern="^(a+)\\1$")}, "pattern"),
    "xsd: import": (
        {"a.xsd": xsd('<xs:import namespace="u" schemaLocation="http://127.0.0.1:CANARY/"/>')},
        "outside",
    ),
    "xsd: include": ({"a.xsd": xsd('<xs:include schemaLocation="file:///etc/passwd"/>')}, "outside"),
    "xsd: doctype": ({"a.xsd": '<!DOCTYPE x SYSTEM "http://127.0.0.1:CANARY/">' + xsd("")}, "xml"),
    "xsd: entity bomb": ({"a.xsd": '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>' + xsd("")}, "xml"),
    "xsd: a billion of one": (
        {
            "a.xsd": xsd(
                '<xs:complexType name="a"><xs:sequence><xs:any maxOccurs="999999999"/></xs:sequence></xs:complexType>'
            )
        },
        "occurs",
    ),
    "xml: included from elsewhere": (
        {
            "templates/a.xml": '<a xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="file:///etc/passwd"/></a>'
        },
        "xml",
    ),
    "program: adapter.py": ({"adapter.py": "import os\n"}, "python"),
    "program: beside the samples": ({"samples/conftest.py": "raise SystemExit\n"}, "python"),
    "program: compiled": ({"adapter.pyc": "x"}, "python"),
    "name: parent": ({"../evil.json": "{}"}, "path"),
    "name: absolute": ({"/etc/cron.d/evil.json": "{}"}, "path"),
    "name: backslash": ({"..\\evil.json": "{}"}, "path"),
    "name: drive": ({"C:evil.json": "{}"}, "path"),
    "name: control": ({"a\n.json": "{}"}, "path"),
    "name: hidden": ({".env": "A=1"}, "name"),
    "name: deeper": ({"samples/a/b.golden": "x"}, "name"),
    "name: unicode look-alike": ({"mаnifest.toml": "x"}, "path"),
    "text: not UTF-8": ({"README.md": "\udcff"}, "text"),
    "text: NUL": ({"README.md": "a\x00b"}, "text"),
    "size: one file": ({"README.md": "x" * (folder.LARGEST_FILE + 1)}, "too_large"),
    "size: all files": ({f"a{n}.json": " " * 200_000 + "{}" for n in range(12)}, "too_many_files"),
    "size: many files": ({f"a{n}.json": "{}" for n in range(300)}, "too_many_files"),
    "manifest: literal address": (
        manifest('"setting:EMPLOYMENT_OFFICES_URL"', '"http://169.254.169.254/"'),
        "manifest",
    ),
    "manifest: deep": ({"manifest.toml": f"a = {'[' * 20_000}{']' * 20_000}\n"}, "too_deep"),
    "manifest: escapes the folder": (manifest('"./answer.json"', '"./../secret.json"'), "manifest"),
    "manifest: another's schema file": (manifest('"./answer.json"', '"agency/../../x.json"'), "manifest"),
    "manifest: wants a program": (manifest('kind       = "rest"', 'kind       = "smtp"'), "transport"),
    "manifest: files without a login": (manifest('kind       = "rest"', 'kind       = "sftp"'), "auth"),
    "manifest: signs in by something unknown": (manifest('kind  = "bearer"', 'kind  = "program"'), "auth"),
    "manifest: a path that leaves": (manifest("path          =", 'path = "/../admin"\n#'), "manifest"),
    "manifest: a path with a query": (manifest("path          =", 'path = "/a?as=root"\n#'), "manifest"),
    "manifest: a place that nothing fills": (manifest("path          =", 'path = "/a/{os}"\n#'), "manifest"),
    "manifest: another host by a header": (
        manifest("path          =", 'headers = { Host = "169.254.169.254" }\npath ='),
        "manifest",
    ),
    "manifest: a header that ends": (
        manifest("path          =", 'headers = { A = "a\\r\\nb: c" }\npath ='),
        "manifest",
    ),
    "manifest: a text that is evaluated": (
        manifest("request       = {", 'request = { x = "text:{0.__class__}",'),
        "manifest",
    ),
    "manifest: a method of its own": (manifest("path          =", 'method = "CONNECT"\npath ='), "manifest"),
    "codes: no table": ({"codes.toml": 'state = "x"\n'}, "mapping"),
    "codes: deep": ({"codes.toml": f"a = {'[' * 20_000}{']' * 20_000}\n"}, "too_deep"),
    "manifest: answers later": (manifest("path          =", "immediate = false\npath ="), "answers_later"),
    "manifest: id of a path": (manifest('id       = "offices_north"', 'id       = "../../x"'), "manifest"),
    "mapping: expression": (mapping('office = { from = "/office", eval = "__import__(1)" }'), "grammar"),
    "mapping: converter of its own": (mapping('office = { from = "/office", with = "os.system" }'), "grammar"),
    "mapping: converter that nobody knows": (mapping('office = { from = "/office", with = "evaluated" }'), "converter"),
    "mapping: template": (mapping('office = { from = "{{ office }}" }'), "grammar"),
    "mapping: attribute": (mapping('"__class__" = { from = "/office" }'), "grammar"),
    "mapping: field of nobody": (mapping('nic = { from = "/office" }'), "unknown_field"),
    "mapping: condition on itself": (
        mapping('office = { from = "/office", only_where = { office = ["x"] } }'),
        "condition_later",
    ),
    "mapping: condition on nothing": (
        mapping('office = { from = "/office", only_where = { nic = ["x"] } }'),
        "condition_unknown",
    ),
    "mapping: condition that is an expression": (
        mapping('office = { from = "/office", only_where = "__import__(1)" }'),
        "grammar",
    ),
    "mapping: endless": (mapping("\n".join(f'a{n} = {{ from = "/x" }}' for n in range(600))), "too_many_lines"),
    "samples: an address of the outside": (
        {"samples/conformance.toml": '[settings]\nEMPLOYMENT_OFFICES_URL = "http://127.0.0.1:CANARY/"\n'},
        "address",
    ),
    "samples: no sample": ({"samples/two_offers.golden": "nothing in it"}, "sample"),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_folder_is_refused_by_name_and_nothing_is_fetched(name: str, canary: Any) -> None:
    changes, code = HOSTILE[name]
    files = {path: text.replace("CANARY", str(canary.port)) for path, text in (texts() | changes).items()}
    begun = time.monotonic()
    with pytest.raises(AdapterRefused) as caught:
        await checking.judged(folder.of_texts(files))
    assert time.monotonic() - begun < SECONDS
    assert code in {each.code for each in caught.value.faults}, caught.value.faults
    assert canary.hits == 0


async def test_faults_say_file_and_line() -> None:
    broken = texts()["mapping.toml"] + 'nic = { from = "/nic" }\n'
    with pytest.raises(AdapterRefused) as caught:
        await checking.judged(folder.of_texts(texts() | {"mapping.toml": broken}))
    (fault,) = caught.value.faults
    assert (fault.file, fault.line, fault.code) == ("mapping.toml", 4, "unknown_field")
    assert "it has offers, office" in fault.detail


def zipped(write: Callable[[zipfile.ZipFile], None]) -> str:
    made = BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        write(archive)
    return base64.b64encode(made.getvalue()).decode()


def _link(archive: zipfile.ZipFile) -> None:
    entry = zipfile.ZipInfo("answer.json")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    archive.writestr(entry, "/etc/passwd")


ZIPS: dict[str, tuple[str, str]] = {
    "no base64": ("%%%", "zip"),
    "no zip": (base64.b64encode(b"x" * 1000).decode(), "zip"),
    "bomb": (zipped(lambda archive: archive.writestr("a.json", b"0" * 300_000_000)), "zip"),
    "link": (zipped(_link), "zip"),
    "out of the folder": (zipped(lambda archive: archive.writestr("../../a.json", b"{}")), "path"),
    "out of its own folder": (zipped(lambda archive: archive.writestr("x/../../a.json", b"{}")), "path"),
    "program": (zipped(lambda archive: archive.writestr("x/adapter.py", b"")), "python"),
    "absolute": (zipped(lambda archive: archive.writestr("/a.json", b"{}")), "path"),
    "too large": (base64.b64encode(b"x" * (folder.LARGEST_ZIP + 1)).decode(), "too_large"),
}


@pytest.mark.parametrize("name", ZIPS)
def test_a_hostile_zip_is_refused_by_name(name: str) -> None:
    encoded, code = ZIPS[name]
    begun = time.monotonic()
    with pytest.raises(AdapterRefused) as caught:
        folder.of_zip(encoded)
    assert time.monotonic() - begun < SECONDS
    assert code in {each.code for each in caught.value.faults}, caught.value.faults


def test_a_zip_of_the_folder_itself_is_taken() -> None:
    def write(archive: zipfile.ZipFile) -> None:
        for name, text in texts().items():
            archive.writestr(f"offices_north/{name}", text)

    assert folder.of_zip(zipped(write)) == folder.of_texts(texts())


def test_a_link_in_a_folder_is_not_followed(tmp_path: Path) -> None:
    folder.written_to(tmp_path / "x", folder.of_texts(texts()))
    (tmp_path / "x" / "schemas").symlink_to("/etc")
    with pytest.raises(AdapterRefused) as caught:
        folder.of_directory(tmp_path / "x")
    assert caught.value.faults[0].code == "link"


async def test_the_dry_run_reaches_no_name_and_no_address(tmp_path: Path, canary: Any) -> None:
    """Settings of the samples lead nowhere but to the suite's own servers."""
    settings = '[settings]\nEMPLOYMENT_OFFICES_URL = "https://agency.example/{url}"\nEMPLOYMENT_OFFICES_TOKEN = "x"\n'
    person = '[subject]\nidentifiers = { NIC = "199012304567" }\n'
    files = folder.of_texts(texts() | {"samples/conformance.toml": settings + person})
    home = folder.kept_at(tmp_path, "offices_north", files)
    trial = await checking.dry_run(home)
    assert any(each.fault for each in trial.results)
    assert canary.hits == 0


async def test_huge_answers_in_samples_are_cut(tmp_path: Path) -> None:
    offers = [{"code": f"LK-11-J-{n:04d}", "kind": "job", "title": "x", "places": 1} for n in range(3000)]
    answer = json.dumps({"office": "LK-11", "asOf": "2026-10-31", "offers": offers})
    sample = f"Too many.\n---------- agency offers\n{answer}\n---------- error\nno\n"
    files = folder.of_texts(texts() | {"samples/huge.golden": sample})
    begun = time.monotonic()
    trial = await checking.dry_run(folder.kept_at(tmp_path, "offices_north", files))
    assert time.monotonic() - begun < 20
    assert next(each for each in trial.results if each.check == "golden_huge").fault


@pytest.mark.parametrize(
    "address",
    [
        "http://agency.example/",
        "https://127.0.0.1/",
        "https://169.254.169.254/latest/",
        "https://[::1]/",
        "https://2130706433/",
        "https://agency.example:22/",
        "https://user:pass@agency.example/",
        "file:///etc/passwd",
        "gopher://agency.example/",
    ],
)
def test_a_forbidden_address_is_no_input(address: str) -> None:
    with pytest.raises(AddressRefused):
        inputs.check("test", {"AGENCY_URL": address}, Dialler(tls=TLS).check_url)


@pytest.mark.parametrize("name", ["PATH x", "keystore_key", "A=B", "", "É_URL"])
def test_an_input_has_a_name_of_capital_letters(name: str) -> None:
    with pytest.raises(StepRefused):
        inputs.check("test", {name: "x"}, Dialler(tls=TLS).check_url)


async def probe(
    root: Path, dialler: Dialler, url: str, changed: Mapping[str, str] | None = None, **more: str
) -> probing.Verdict:
    home = folder.kept_at(root, "offices_north", folder.of_texts(texts() | dict(changed or {})))
    values = {"EMPLOYMENT_OFFICES_URL": url, "EMPLOYMENT_OFFICES_TOKEN": "x", **more}
    (verdict,) = await probing.probed(home, inputs.lookup(values), dialler, CLEAR, DAY)
    return verdict


async def test_a_probe_of_a_name_that_leads_inside_dials_nothing(tmp_path: Path, world: Any) -> None:
    for number, address in enumerate(("127.0.0.1", "10.0.0.5", "169.254.169.254", "::1", "fd00:ec2::254")):
        world.says(f"agency{number}.example", [address])
        verdict = await probe(tmp_path, Dialler(tls=TLS), f"https://agency{number}.example/")
        assert (verdict.connection, verdict.good) == ("not_allowed", False)
    assert world.dialled == []


async def test_a_name_that_changes_its_mind_is_vetted_at_each_connect(tmp_path: Path, world: Any) -> None:
    """Public when it was looked up first, this machine afterwards."""
    world.says("agency.example", ["93.184.215.14"], ["127.0.0.1"])
    verdict = await probe(tmp_path, Dialler(tls=TLS), "https://agency.example/")
    assert verdict.connection in {"cannot_connect", "not_allowed"}
    assert {address for address, _ in world.dialled} <= {"93.184.215.14"}


async def test_a_name_of_many_addresses_is_as_good_as_the_worst(tmp_path: Path, world: Any) -> None:
    world.says("agency.example", ["93.184.215.14", "10.0.0.5"])
    assert (await probe(tmp_path, Dialler(tls=TLS), "https://agency.example/")).connection == "not_allowed"
    assert world.dialled == []


@pytest.mark.parametrize(("status", "code"), [(302, "redirected"), (307, "redirected"), (308, "redirected")])
async def test_a_redirect_is_an_answer_that_is_not_followed(
    tmp_path: Path, status: int, code: str, canary: Any
) -> None:

    async with an_agency() as agency:
        agency.status, agency.headers = status, {"location": f"http://127.0.0.1:{canary.port}/"}
        verdict = await probe(tmp_path, Dialler({f"127.0.0.1:{agency.port}"}, TLS), agency.url)
    assert (verdict.schema, verdict.good) == (code, False)
    assert canary.hits == 0


VERDICTS = [
    (401, {}, ("plain_http", "invalid_auth", "not_tried", "ok")),
    (503, {}, ("plain_http", "not_tried", "source_error", "ok")),
    (200, {"unexpected": 1}, ("plain_http", "ok", "malformed", "ok")),
    (404, {}, ("plain_http", "ok", "path", "ok")),
    (400, {}, ("plain_http", "ok", "refused", "ok")),
]


@pytest.mark.parametrize(("status", "answer", "wanted"), VERDICTS, ids=[str(each[0]) for each in VERDICTS])
async def test_a_probe_gives_four_verdicts(
    tmp_path: Path, status: int, answer: dict[str, Any], wanted: tuple[str, ...]
) -> None:

    async with an_agency() as agency:
        agency.status, agency.answer = status, answer
        found = await probe(tmp_path, Dialler({f"127.0.0.1:{agency.port}"}, TLS), agency.url)
    told = (found.connection, found.auth, found.schema, found.latency)
    assert told == wanted, found
    assert found.detail.endswith(f" (POST /v1/offers/search, below base_url, answered HTTP {status})")


async def test_a_verdict_names_the_path_as_it_is_declared_and_no_person(tmp_path: Path) -> None:
    path = 'method = "GET"\npath = "/v1/offers/{nic}"\n#'
    async with an_agency() as agency:
        agency.status = 404
        dialler = Dialler({f"127.0.0.1:{agency.port}"}, TLS)
        found = await probe(tmp_path, dialler, agency.url, manifest("path          =", path))
    assert found.detail.endswith(" (GET /v1/offers/{nic}, below base_url, answered HTTP 404)")
    assert "199012304567" not in found.detail


async def test_a_verdict_tells_the_sign_in_from_the_service(tmp_path: Path) -> None:
    keys = ("token_url", "client_id", "client_secret")
    auth = 'kind = "client_credentials"\n' + "\n".join(f'{each} = "secret:{each.upper()}"' for each in keys) + "\n#"
    changed = manifest('kind  = "bearer"\ntoken', auth)
    async with an_agency() as agency:
        agency.status = 400
        secrets = {"TOKEN_URL": f"{agency.url}/token", "CLIENT_ID": "us", "CLIENT_SECRET": "not-told"}
        dialler = Dialler({f"127.0.0.1:{agency.port}"}, TLS)
        found = await probe(tmp_path, dialler, agency.url, changed, **secrets)
    assert found.detail.endswith(" (the sign-in answered HTTP 400)"), found
    assert "not-told" not in found.detail


async def test_a_certificate_of_nobody_is_told_apart_from_no_connection(tmp_path: Path) -> None:

    _, context = certified(tmp_path, "agency.example")
    async with tls_server(context) as (port, seen):
        dialler = Dialler({f"localhost:{port}"}, TLS)
        assert (await probe(tmp_path, dialler, f"https://localhost:{port}/")).connection == "bad_certificate"
        assert seen == []
    closed = Dialler({f"localhost:{port}"}, TLS)
    assert (await probe(tmp_path, closed, f"https://localhost:{port}/")).connection == "cannot_connect"
