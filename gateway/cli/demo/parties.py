"""Who takes part: members, systems and agreements of the country profile, with keys made here and now."""

import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...places import rows
from ...profile import Profile
from ...trust.jose import Key
from ...trust.keys import new_key, private_jwk, private_key, write_new


@dataclass(frozen=True, slots=True)
class Party:
    """One system of the profile. `client` is empty for one that only provides."""

    id: str
    client: str
    name: str
    scopes: frozenset[str]
    services: tuple[Mapping[str, str], ...]

    @property
    def district(self) -> str:
        """The district of a local office (`LK-11`), else empty."""
        return self.id.partition("/OFFICE-")[2]


def members(profile: Profile) -> list[Mapping[str, str]]:
    """`[{id, name}]`."""
    return list(_read(profile, "parties.toml")["member"])


def parties(profile: Profile) -> list[Party]:
    """All systems, the local offices one by one."""
    found, places = _read(profile, "parties.toml"), _places(profile)
    districts = {each: places.get(each, each) for each in found["districts"]}
    return [_party(each) for row in found["system"] for each in _expanded(row, districts)]


def agreements(profile: Profile, valid_from: str, valid_until: str) -> Iterator[dict[str, Any]]:
    """The documents as they are signed."""
    districts = _read(profile, "parties.toml")["districts"]
    for row in _read(profile, "agreements.toml")["agreement"]:
        document = json.loads(json.dumps(row))
        for side in ("consumer", "provider"):
            systems = document[side]["systems"]
            document[side]["systems"] = sorted(name for each in systems for name in _names(each, districts))
        document["services"] = [
            {**grant, "service": name} for grant in row["services"] for name in _names(grant["service"], districts)
        ]
        yield {
            "format": "agreement/1",
            "version": 1,
            "valid_from": valid_from,
            "valid_until": valid_until,
            **document,
        }


def key_at(path: Path, alg: str = "EdDSA") -> Key:
    """The private key in a file of this demo; made when absent."""
    if not path.exists():
        write_new(path, json.dumps(private_jwk(new_key(alg))))
    return private_key(json.loads(path.read_text(encoding="ascii")))


def client_file(folder: Path, gateway: str, party: Party, key: Key) -> Path:
    """`clients/<name>.json`: what a program needs to call as this system."""
    path = folder / f"{party.client}.json"
    content = {"gateway": gateway, "client_id": party.client, "system": party.id, "private_jwk": private_jwk(key)}
    path.unlink(missing_ok=True)
    write_new(path, json.dumps(content, indent=2))
    return path


def _read(profile: Profile, name: str) -> dict[str, Any]:
    return tomllib.loads((profile.folder / name).read_text(encoding="utf-8"))


def _names(pattern: str, districts: Iterable[str]) -> list[str]:
    return [pattern.replace("*", district) for district in districts] if "*" in pattern else [pattern]


def _places(profile: Profile) -> Mapping[str, str]:
    """Code -> name in English, of the country's places, where the profile has them."""
    return {each["id"]: each["name"] for each in rows(profile.folder)}


def _expanded(row: Mapping[str, Any], districts: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
    """`districts`: code -> what people call it."""
    if "*" not in row["id"]:
        yield row
        return
    for district, called in districts.items():
        codes = {name: row[name].replace("*", district) for name in ("id", "client")}
        yield {**row, **codes, "name": row["name"].replace("*", called)}


def _party(row: Mapping[str, Any]) -> Party:
    return Party(
        row["id"],
        row.get("client", ""),
        row["name"],
        frozenset(row.get("scopes", ())),
        tuple(row.get("services", ())),
    )
