import json
from collections.abc import Awaitable, Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from joserfc import jws
from joserfc.jwk import RSAKey

import schemas
from adapters.kit import claims
from adapters.kit.contract import (
    AgencyAnswerMalformed,
    AgencyCannotTell,
    AgencyHasNoSuchPerson,
    AgencyRefused,
    AgencyRejectedMessage,
    Identifier,
    Name,
    Question,
    Subject,
)
from adapters.kit.opening import open_adapter
from adapters.kit.throwaway import placeholders

Agency = Callable[[object], Awaitable[object]]
T = date(2026, 10, 31)
SUBJECT = Subject(
    identifiers=(Identifier("NIC", "853400123V"),),
    names=(Name("eng", "Latn", "Nimal Perera"),),
    birth_date=date(1985, 12, 5),
)
NID = {"identifier_type": "NID", "identifier_value": "198534000123"}
OTHER_NID = {"identifier_type": "NID", "identifier_value": "198534000999"}
NAME = {"given_name": "Nimal", "surname": "Perera"}
BIRTH = {"identifier": [NID], "name": NAME, "birth_date": "1985-12-05"}
DEATH = {**BIRTH, "death_date": "2026-03-01"}


class Crvs:
    """Two registers; answers both kinds of query and pages."""

    def __init__(self, reply: type, birth: list[dict[str, Any]], death: list[dict[str, Any]]) -> None:
        self.reply = reply
        self.registers = {"birth": birth, "death": death}
        self.searches: list[dict[str, Any]] = []

    def __call__(self, request: Any) -> object:
        if request.path == "/oauth2/client/token":
            return self.reply(body={"access_token": "T", "expires_in": 600})
        envelope = request.json()
        self.searches.append(envelope)
        header = {"message_id": "1", "message_ts": "2026-10-31T10:00:00Z", "action": "on-search", "status": "succ"}
        message = {
            "transaction_id": envelope["message"]["transaction_id"],
            "correlation_id": "c-1",
            "search_response": [self._found(item) for item in envelope["message"]["search_request"]],
        }
        return self.reply(body={"header": header, "message": message})

    def _found(self, item: dict[str, Any]) -> dict[str, Any]:
        criteria = item["search_criteria"]
        register = self.registers[criteria["reg_type"].rpartition(":")[2]]
        if criteria["query_type"] == "idtype-value":
            wanted = criteria["query"]["value"]
            found = [each for each in register if wanted in json.dumps(each["identifier"])]
        else:
            first, second = (criteria["query"][0][name] for name in ("expression1", "expression2"))
            assert (first["operator"], second["operator"]) == ("ge", "le")
            found = [
                each for each in register if first["attribute_value"] <= each["birth_date"] <= second["attribute_value"]
            ]
        size, number = criteria["pagination"]["page_size"], criteria["pagination"]["page_number"]
        return {
            "reference_id": item["reference_id"],
            "timestamp": "2026-10-31T10:00:00Z",
            "status": "succ",
            "data": {"reg_records": found[(number - 1) * size : number * size]},
            "pagination": {"page_size": size, "page_number": number, "total_count": len(found)},
        }


def opened(server: Any) -> Any:
    settings = {
        "CIVIL_REGISTRATION_URL": server.url,
        "CIVIL_REGISTRATION_CLIENT_ID": "c",
        "CIVIL_REGISTRATION_CLIENT_SECRET": "s",
        "CIVIL_REGISTRATION_SIGNING_KEY": placeholders()["rsa_key"],
        "CIVIL_REGISTRATION_SENDER_ID": "https://gateway.example",
        "CIVIL_REGISTRATION_HOOK_SECRET": "h",
    }
    return open_adapter(Path("adapters/civil_registration"), settings.__getitem__, server.dialler())


async def answered(crvs: Crvs, agency: Agency, subject: Subject = SUBJECT) -> tuple[Any, dict[str, Any]]:
    adapter = opened(await agency(crvs))
    fields = frozenset({"birth_date", "death_date", "death_matched_by"})
    raw = await adapter.ask(Question("civil_registration.vital_events", subject, fields, T))
    return raw, adapter.normalise("civil_registration.vital_events", raw)


async def test_the_living_have_a_birth_and_no_death(agency: Agency, reply: type) -> None:
    raw, record = await answered(Crvs(reply, [BIRTH], []), agency)
    assert (raw.match, raw.as_of) == ("exact", T)
    assert record == {"birth_date": "1985-12-05", "death_date": None, "death_matched_by": None}
    assert claims.derive("alive", {}, record, T) == {"alive": True, "matched_by": None}


async def test_a_death_with_the_number_is_exact(agency: Agency, reply: type) -> None:
    crvs = Crvs(reply, [BIRTH], [DEATH])
    raw, record = await answered(crvs, agency)
    assert (raw.match, record["death_date"], record["death_matched_by"]) == ("exact", "2026-03-01", "identifier")
    assert len(crvs.searches) == 1


async def test_a_death_without_a_number_is_found_by_name_and_only_probable(agency: Agency, reply: type) -> None:
    death = {
        "identifier": [],
        "name": {"given_name": "NIMAL", "surname": " perera"},
        "birth_date": "1985-12-05",
        "death_date": "2026-03-01",
    }
    raw, record = await answered(Crvs(reply, [BIRTH], [death]), agency)
    assert (raw.match, record["death_matched_by"]) == ("probable", "name_and_date")
    assert claims.derive("alive", {}, record, T) == {"alive": False, "matched_by": "name_and_date"}


@pytest.mark.parametrize(
    "death",
    [
        {**DEATH, "identifier": [OTHER_NID]},
        {**DEATH, "identifier": [], "name": {"given_name": "Nimal", "surname": "Pereira"}},
        {**DEATH, "identifier": [], "name": {"given_name": "Kamal", "surname": "Perera"}},
        {**DEATH, "identifier": [], "birth_date": "1985-12-06"},
    ],
)
async def test_a_namesake_a_twin_or_another_spelling_is_not_the_person(
    agency: Agency, reply: type, death: dict[str, Any]
) -> None:
    _, record = await answered(Crvs(reply, [BIRTH], [death]), agency)
    assert record["death_date"] is None


async def test_a_birth_registered_before_the_number_was_known_is_found_by_name(agency: Agency, reply: type) -> None:
    raw, record = await answered(Crvs(reply, [{**BIRTH, "identifier": []}], []), agency)
    assert (raw.match, record["birth_date"]) == ("probable", "1985-12-05")


async def test_whoever_is_in_neither_register_is_unknown(agency: Agency, reply: type) -> None:
    with pytest.raises(AgencyHasNoSuchPerson):
        await answered(Crvs(reply, [], []), agency)


async def test_two_that_fit_are_not_told_apart(agency: Agency, reply: type) -> None:
    nameless = {**DEATH, "identifier": []}
    for deaths in ([DEATH, DEATH], [nameless, nameless]):
        with pytest.raises(AgencyCannotTell):
            await answered(Crvs(reply, [BIRTH], deaths), agency)


async def test_a_death_without_its_date_never_reads_as_alive(agency: Agency, reply: type) -> None:
    with pytest.raises(AgencyAnswerMalformed):
        await answered(Crvs(reply, [BIRTH], [BIRTH]), agency)


async def test_a_busy_birthday_is_read_page_by_page(agency: Agency, reply: type) -> None:
    others = [{**DEATH, "identifier": [], "name": {"given_name": "A", "surname": str(n)}} for n in range(450)]
    crvs = Crvs(reply, [BIRTH], [*others, {**DEATH, "identifier": []}])
    _, record = await answered(crvs, agency)
    assert record["death_matched_by"] == "name_and_date"
    assert len(crvs.searches) == 4


async def test_names_and_birth_date_are_enough_and_less_is_not_sent(agency: Agency, reply: type) -> None:
    crvs = Crvs(reply, [BIRTH], [])
    raw, _ = await answered(crvs, agency, Subject(names=SUBJECT.names, birth_date=SUBJECT.birth_date))
    assert raw.match == "probable"
    for subject in (Subject(names=SUBJECT.names), Subject(birth_date=SUBJECT.birth_date), Subject()):
        with pytest.raises(AgencyRejectedMessage):
            await answered(crvs, agency, subject)


async def test_the_envelope_is_valid_and_signed_whole(agency: Agency, reply: type) -> None:
    crvs = Crvs(reply, [BIRTH], [])
    await answered(crvs, agency)
    assert len(crvs.searches) == 2
    for envelope in crvs.searches:
        assert schemas.validator("dci/crvs.json#/operations/~1registry~1sync~1search/request").is_valid(envelope)
        verified = jws.deserialize_compact(envelope["signature"], RSAKey.import_key(placeholders()["rsa_key"]))
        assert json.loads(verified.payload) == {"header": envelope["header"], "message": envelope["message"]}
    criteria = [item["search_criteria"] for item in crvs.searches[0]["message"]["search_request"]]
    assert [(each["reg_type"], each["query"]) for each in criteria] == [
        ("ocrvs:registry_type:birth", {"type": "NID", "value": "198534000123"}),
        ("ocrvs:registry_type:death", {"type": "NID", "value": "198534000123"}),
    ]


async def test_each_topic_is_subscribed_once(agency: Agency, reply: type) -> None:
    entries: list[dict[str, str]] = [{"callback": "https://other.example", "topic": "BIRTH_REGISTERED"}]

    def handler(request: Any) -> object:
        if request.path == "/oauth2/client/token":
            return reply(body={"access_token": "T"})
        if request.method == "GET":
            return reply(body={"entries": entries})
        entries.append(request.json()["hub"])
        return reply(202)

    adapter = opened(await agency(handler))
    await adapter.subscribe("https://gateway.example")
    await adapter.subscribe("https://gateway.example")
    callback = "https://gateway.example/hooks/civil_registration"
    assert entries[1:] == [
        {"callback": callback, "mode": "subscribe", "topic": topic, "secret": "h"}
        for topic in ("BIRTH_REGISTERED", "DEATH_REGISTERED")
    ]


async def test_a_refused_subscription_is_an_error(agency: Agency, reply: type) -> None:
    server = await agency(lambda request: reply(body={"access_token": "T"}) if "token" in request.path else reply(403))
    with pytest.raises(AgencyRefused):
        await opened(server).subscribe("https://gateway.example")
