"""OAuth 2.0 client credentials with a cached token. Source: RFC 6749 sections 4.4, 5.1, 5.2."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from time import monotonic
from urllib.parse import urlencode

from adapters.kit import strict_json
from adapters.kit.contract import AgencyAnswerMalformed, AgencyRefused
from adapters.kit.egress import HttpAnswer, HttpClient

EARLY_S = 10.0  # a token is renewed this long before it ends
_DEFAULT_S = 300.0
TOKEN = re.compile(r"[!-~]{1,8192}", re.ASCII)  # what a header carries: RFC 6750 section 2.1, and a little more


class ClientCredentials:
    """Fetches and keeps one access token; many waiting callers cause one request."""

    def __init__(
        self,
        http: HttpClient,
        path: str,
        form: Mapping[str, str],
        *,
        headers: Callable[[], Mapping[str, str]] = dict,
        fresh: Callable[[], Mapping[str, str]] = dict,
        in_query: bool = False,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """`form` holds client_id, client_secret and what else the agency wants; `fresh` what is made anew for each
        request (a signed assertion, RFC 7523); `in_query` sends it as URL parameters (OpenCRVS 1) instead of a form
        body."""
        self._http = http
        self._path = path
        self._form = {"grant_type": "client_credentials", **form}
        self._headers = headers
        self._fresh = fresh
        self._in_query = in_query
        self._clock = clock
        self._token = ""
        self._ends = 0.0
        self._lock = asyncio.Lock()

    async def token(self) -> str:
        """A token that is good for at least ten seconds more.

        Raises:
            AgencyRefused: the agency does not accept our credentials.
            AgencyAnswerMalformed: the answer is no token response.
        """
        if self._clock() < self._ends:
            return self._token
        async with self._lock:
            if self._clock() >= self._ends:
                await self._fetch()
        return self._token

    def forget(self) -> None:
        """Drop the token, after the agency refused it."""
        self._ends = 0.0

    async def authorised(self, call: Callable[[str], Awaitable[HttpAnswer]]) -> HttpAnswer:
        """Make a call with the token; once more with a fresh one when the agency answers 401."""
        answer = await call(await self.token())
        if answer.status != 401:
            return answer
        self.forget()
        return await call(await self.token())

    async def _fetch(self) -> None:
        encoded = urlencode({**self._form, **self._fresh()})
        answer = await self._http.request(
            "POST",
            f"{self._path}?{encoded}" if self._in_query else self._path,
            headers={
                "content-type": "application/x-www-form-urlencoded",
                "accept": "application/json",
                **self._headers(),
            },
            content=b"" if self._in_query else encoded.encode(),
        )
        if answer.status != 200:
            raise AgencyRefused("the agency gives us no token: check client id and secret", code=str(answer.status))
        try:
            body = strict_json.loads(answer.body)
        except strict_json.StrictError as error:
            raise AgencyAnswerMalformed(f"the token response is {error}") from None
        self._keep(body)

    def _keep(self, body: object) -> None:
        token = body.get("access_token") if isinstance(body, dict) else None
        if not isinstance(body, dict) or not isinstance(token, str) or not TOKEN.fullmatch(token):
            raise AgencyAnswerMalformed("the token response holds no access_token that a header can carry")
        try:
            lifetime = float(body.get("expires_in", _DEFAULT_S))  # DCI types it as a string
        except (TypeError, ValueError):
            raise AgencyAnswerMalformed("the token response's expires_in is no number") from None
        self._token, self._ends = token, self._clock() + max(0.0, lifetime - EARLY_S)
