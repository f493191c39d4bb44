"""Which identity providers vouch for people, from the settings: one for officers and one for citizens, or a file.

The file (`SANDHI_OIDC_PROVIDERS`) has one table a provider, so that each agency may bring its own:

    [wbb]
    name = "Welfare Benefits Board"
    issuer = "https://login.wbb.example"
    client_id = "sandhi"
    client_secret_file = "/run/secrets/wbb_client_secret"

    [people]
    name = "National identity"
    issuer = "https://id.example"
    client_id = "sandhi"
    client_secret_file = "/run/secrets/people_client_secret"
    citizen_claim = "individual_id"        # it vouches for citizens: the claim with their identity number

Without any of these settings the built-in provider vouches, on a laptop; with SANDHI_PRODUCTION=1 it is refused.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..secret import Secret
from ..settings import SettingError, Settings

BUILT_IN = "built-in"
NAME = re.compile(r"[a-z][a-z0-9-]{0,31}", re.ASCII)
MEMBERS = frozenset({"name", "issuer", "client_id", "client_secret_file", "citizen_claim"})


@dataclass(frozen=True, slots=True)
class Provider:
    """One identity provider. `citizen_claim` is set where it vouches for citizens, and for nobody else.

    `issuer` is the exact text that its ID tokens carry; `key` names it in addresses of the gateway.
    """

    key: str
    name: str
    issuer: str
    client_id: str
    client_secret: Secret
    citizen_claim: str = ""
    built_in: bool = False


def providers(settings: Settings, built_in_secret: Secret) -> Mapping[str, Provider]:
    """Key -> provider.

    Args:
        built_in_secret: with which the gateway authenticates to its own identity provider.

    Raises:
        SettingError: one of the settings cannot be meant so; the text names it.
    """
    production = settings.is_production
    found = [*_single(settings), *_listed(settings)]
    if settings["OIDC_ISSUER"] == BUILT_IN or not (found or production):
        if production:
            raise SettingError(f"SANDHI_OIDC_ISSUER={BUILT_IN} is for laptops; with SANDHI_PRODUCTION=1 name your own")
        found += _built_in(settings, built_in_secret)
    for each in found:
        if production and not each.issuer.startswith("https://"):
            raise SettingError(f"the identity provider {each.key} needs an https issuer with SANDHI_PRODUCTION=1")
    if len({each.key for each in found}) != len(found):
        raise SettingError("two identity providers have the same name; `officers` and `citizens` are taken")
    return {each.key: each for each in found}


def _single(settings: Settings) -> list[Provider]:
    if settings["OIDC_ISSUER"] in {"", BUILT_IN}:
        return []
    if not settings["OIDC_CLIENT_ID"] or not settings["OIDC_CLIENT_SECRET"]:
        raise SettingError("SANDHI_OIDC_ISSUER needs SANDHI_OIDC_CLIENT_ID and SANDHI_OIDC_CLIENT_SECRET(_FILE) too")
    access = (settings["OIDC_ISSUER"], settings["OIDC_CLIENT_ID"], settings.secret("OIDC_CLIENT_SECRET"))
    found = [Provider("officers", "Officers", *access)]
    if settings["OIDC_CITIZEN_CLAIM"]:
        found.append(Provider("citizens", "Citizens", *access, settings["OIDC_CITIZEN_CLAIM"]))
    return found


def _built_in(settings: Settings, secret: Secret) -> list[Provider]:
    issuer = f"{settings['PUBLIC_URL'].rstrip('/')}/idp"
    return [
        Provider("officers", "Accounts of this gateway", issuer, "sandhi-console", secret, built_in=True),
        Provider(
            "citizens", "Accounts of this gateway", issuer, "sandhi-citizens", secret, "national_id", built_in=True
        ),
    ]


def _listed(settings: Settings) -> list[Provider]:
    path = settings["OIDC_PROVIDERS"]
    if not path:
        return []
    try:
        found = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        return [_row(key, row) for key, row in found.items()]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SettingError(f"SANDHI_OIDC_PROVIDERS: {path} cannot be used: {type(error).__name__} {error}") from None


def _row(key: str, row: Mapping[str, Any]) -> Provider:
    if not NAME.fullmatch(key) or not row.keys() <= MEMBERS or not all(isinstance(each, str) for each in row.values()):
        raise ValueError(f"[{key}] has texts only, of {', '.join(sorted(MEMBERS))}")
    secret = Secret(Path(row["client_secret_file"]).read_text(encoding="utf-8").strip())
    return Provider(key, row["name"], row["issuer"], row["client_id"], secret, row.get("citizen_claim", ""))
