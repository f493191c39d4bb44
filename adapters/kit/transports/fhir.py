"""Searches of a FHIR R4 server: by POST, so that no address holds a person's number; signed in with client credentials.

Source: FHIR R4 (4.0.1), RESTful API 3.1.0.1.6 (`Prefer: handling`), search 3.1.1; SMART backend services for the scope.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from adapters.kit.base import Kit
from adapters.kit.contract import AgencyAnswerMalformed, AgencyRejectedMessage
from adapters.kit.egress import HttpAnswer, NotAllowed
from adapters.kit.transports.oauth import ClientCredentials
from adapters.kit.transports.rest import error_of, read_json

Node = Mapping[str, Any]
_ACCEPT = {"accept": "application/fhir+json"}
_SEARCH = {
    **_ACCEPT,
    "content-type": "application/x-www-form-urlencoded",
    "prefer": "handling=strict",  # else a server passes over what it does not know, and gives everybody's
}


class FhirSearches:
    """One server, as the manifest's `client_id` and `client_secret`."""

    def __init__(self, kit: Kit, scope: str) -> None:
        self._http, self._folder = kit.http(), kit.folder
        form = {"client_id": kit.setting("client_id"), "client_secret": kit.setting("client_secret")}
        self._tokens = ClientCredentials(self._http, "/oauth2/token", {**form, "scope": scope})

    async def found(self, kind: str, parameters: Sequence[tuple[str, str]], schema: str) -> Any:
        """The searchset for resources of a kind, checked against an `answer_schema`.

        Raises:
            AgencyError: no searchset; AgencyRejectedMessage where the server has no such search.
        """
        return await self._sent("POST", f"/{kind}/_search", schema, _SEARCH, urlencode(parameters).encode())

    async def page(self, address: str, schema: str) -> Any:
        """A further page of a searchset; see `next_page`.

        Raises:
            AgencyError: as `found`; AgencyAnswerMalformed where the address is another server's.
        """
        try:
            return await self._sent("GET", address, schema, _ACCEPT)
        except NotAllowed:
            raise AgencyAnswerMalformed("the next page lies elsewhere, at /link", code="next") from None

    async def _sent(
        self, method: str, address: str, schema: str, headers: Mapping[str, str], content: bytes | None = None
    ) -> Any:
        async def call(token: str) -> HttpAnswer:
            signed_in = {**headers, "authorization": f"Bearer {token}"}
            return await self._http.request(method, address, headers=signed_in, content=content)

        answer = await self._tokens.authorised(call)
        if answer.status in {404, 410}:  # a search finds nothing or something: its address is wrong
            raise AgencyRejectedMessage("the register has no search or page at this address", code=str(answer.status))
        if answer.status != 200:
            raise error_of(answer)
        return read_json(answer, schema, self._folder)


def next_page(bundle: Node) -> str:
    """The address of the next page, empty if this is the last."""
    links = (each.get("url") for each in objects(bundle.get("link")) if each.get("relation") == "next")
    return str(next(links, ""))


def objects(value: object) -> Iterator[Node]:
    """The objects of a list; nothing of what is no list."""
    return (each for each in value if isinstance(each, dict)) if isinstance(value, list) else iter(())


def child(value: object) -> Node:
    """An object; empty for what is none."""
    return value if isinstance(value, dict) else {}
