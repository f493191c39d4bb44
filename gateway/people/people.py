"""What one running gateway knows about people, joined: identity providers, sessions, roles, proposals."""

import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType

from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.requests import Request

from adapters.kit.contract import Identifier, Subject
from adapters.kit.egress import Dialler, HttpAnswer, Limits
from adapters.kit.guarded import Fetch, dialled
from audit import Log
from pages.cookies import cookies_of
from pages.drafts import Draft

from ..db import Database
from ..profile import Profile
from ..secret import Secret
from ..settings import Settings
from ..trust.evidence import entry
from ..trust.person import PersonRef
from ..trust.trust import Trust
from . import drafts, grants, officers, sessions
from .access import Citizen, SignedIn
from .approvals import Approvals, Kind
from .cookies import Cookies
from .errors import OfficerUnknown, SignInRefused
from .idp import Accounts, Client, IdentityProvider
from .kinds import kinds
from .openid import Identity, OpenIdClient
from .providers import Provider, providers
from .sessions import Session

CONSOLE, MY_DATA = "console", "my-data"
CALL = Limits(timeout_s=10.0, attempts=2, concurrent=8, max_bytes=256 * 1024)


class People:
    """Opened once for the life of the process. Lives at `app.state.people`."""

    def __init__(
        self,
        db: Database,
        log: Log,
        trust: Trust,
        settings: Settings,
        profile: Profile,
        *,
        dialler: Dialler,
        person_ref: PersonRef,
        further: Mapping[str, Kind] = MappingProxyType({}),
    ) -> None:
        """
        Args:
            further: kinds of proposals beside those of `kinds`.

        Raises:
            SettingError: the settings of identity providers cannot be meant so.
        """
        self.db, self.log, self.profile, self.origin = db, log, profile, trust.origin
        self.clock: Callable[[], datetime] = trust.clock
        self.cookies = Cookies.of(trust.origin, trust.seal)
        self.accounts = Accounts(db, trust.seal)
        self.approvals = Approvals(log, {**kinds(profile.raw, dialler.check_url), **further})
        self.forget_register = trust.forget
        self._person_ref = person_ref
        secret = Secret(secrets.token_urlsafe(32))
        self.providers: Mapping[str, Provider] = providers(settings, secret)
        self.idp = self._built_in()
        reached = dialled(dialler, CALL)
        self._clients = {
            key: OpenIdClient(each, _within(self.idp) if each.built_in and self.idp else reached, self.callback(each))
            for key, each in self.providers.items()
        }

    def area(self, provider: Provider) -> str:
        """`my-data` for a provider that vouches for citizens, else `console`."""
        return MY_DATA if provider.citizen_claim else CONSOLE

    def callback(self, provider: Provider) -> str:
        """Where the provider sends people back to: an address of its own, so that no two can be mixed up."""
        return f"{self.origin}/{self.area(provider)}/signed-in/{provider.key}"

    def offered(self, area: str) -> list[Provider]:
        """The providers one may sign in with there."""
        return [each for each in self.providers.values() if self.area(each) == area]

    def client(self, area: str, key: str) -> OpenIdClient:
        """A provider of that area. Raises SignInRefused: there is none."""
        if key not in {each.key for each in self.offered(area)}:
            raise SignInRefused("provider", "There is no such way to sign in.")
        return self._clients[key]

    async def officer(self, cookies: Mapping[str, str]) -> SignedIn | None:
        """Who is signed in at the console: looked up anew for every request, roles included."""
        secret = self.cookies.secret(dict(cookies), CONSOLE)
        found = await self._session(secret)
        if found is None or found.officer is None:
            return None
        async with self.db.read() as connection:
            officer = await officers.read(connection, found.officer)
            held = await grants.of(connection, officer.id, self.clock())
        return SignedIn(officer, held, found, sessions.csrf_token(secret)) if officer.state == "active" else None

    async def citizen(self, cookies: Mapping[str, str]) -> Citizen | None:
        """Who looks at their own data."""
        secret = self.cookies.secret(dict(cookies), MY_DATA)
        found = await self._session(secret)
        if found is None or not found.person_ref:
            return None
        return Citizen(found.person_ref, sessions.csrf_token(secret), found)

    async def keep_draft(self, cookies: Mapping[str, str], area: str, draft: Draft) -> bool:
        """Keep a form that came too late, with its session, over or not; False: that session is not known any more."""
        async with self.db.write() as connection:
            return await drafts.keep(connection, self.cookies.seal, self._held(cookies, area), draft)

    async def draft(self, cookies: Mapping[str, str], area: str, session: Session, path: str) -> Draft | None:
        """The form that this session brought along, if it stands on the page of this path. Handed out once."""
        held, sealed = self._held(cookies, area), session.draft
        found = drafts.opened(self.cookies.seal, held, sealed) if sealed else None
        if found is None or sealed is None or not found.belongs_on(path):
            return None
        async with self.db.write() as connection:
            return await drafts.take(connection, self.cookies.seal, held, sealed)

    async def admit_officer(self, identity: Identity, *, before: str, same: str = "") -> str:
        """Open a session for whom the provider vouched; gives the number for the cookie.

        Args:
            before: the hash of the number that the browser holds now; that session ends.
            same: the officer who signs in once more; nobody else will do.

        Raises:
            SignInRefused: nobody is registered under this identity, or not active, or somebody else.
        """
        now = self.clock()
        async with self.db.write() as connection:
            try:
                officer = await officers.vouched_for(connection, identity.provider.issuer, identity.subject)
            except OfficerUnknown:
                raise SignInRefused("unknown_officer", _unknown(identity)) from None
            if officer.state != "active":
                raise SignInRefused(f"officer_{officer.state}", "You cannot sign in now. Ask your administrator.")
            if same and officer.id != same:
                raise SignInRefused("another_officer", "Somebody else signed in. Sign out first, then start again.")
            secret = await sessions.begin(
                connection,
                officer=officer.id,
                issuer=identity.provider.issuer,
                authenticated_at=identity.authenticated_at,
                now=now,
            )
            await self._succeed(connection, before, secret)
            facts = {"by": officer.id, "provider": identity.provider.key, "again": bool(same)}
            await self.log.append_in(connection, entry("officer.signed_in", now, facts))
        return secret

    async def admit_citizen(self, identity: Identity, *, before: str) -> str:
        """Open a citizen's session: the number becomes the pseudonym here, and goes no further.

        Raises:
            SignInRefused: the number does not have the form of the country's.
        """
        kind = self.profile.person_key
        if not self.profile.patterns[kind].fullmatch("".join(identity.number.split())):
            raise SignInRefused("identity_number", "The identity provider sent no number that can be used here.")
        person_ref = self._person_ref(Subject((Identifier(kind, identity.number),)))
        async with self.db.write() as connection:
            secret = await sessions.begin(
                connection,
                person_ref=person_ref,
                issuer=identity.provider.issuer,
                authenticated_at=identity.authenticated_at,
                now=self.clock(),
            )
            await self._succeed(connection, before, secret)
        return secret

    async def sign_out(self, request: Request, area: str) -> None:
        """End the session that the browser holds."""
        secret, now = self.cookies.secret(cookies_of(request.headers), area), self.clock()
        async with self.db.write() as connection:
            found = await sessions.find(connection, secret, now)
            await sessions.end(connection, sessions.hashed(secret))
            if found and found.officer:
                await self.log.append_in(connection, entry("officer.signed_out", now, {"by": found.officer}))

    async def _succeed(self, connection: AsyncConnection, before: str, secret: str) -> None:
        """The session before ends; a form that waited for this sign-in comes along."""
        await drafts.carry(connection, self.cookies.seal, before, sessions.hashed(secret), self.clock())
        await sessions.end(connection, before)

    def _held(self, cookies: Mapping[str, str], area: str) -> str:
        return sessions.hashed(self.cookies.secret(dict(cookies), area))

    async def _session(self, secret: str) -> Session | None:
        if not secret:
            return None
        now = self.clock()
        async with self.db.read() as connection:
            found = await sessions.find(connection, secret, now)
        if found and now - found.seen_at >= sessions.NOTED_EVERY:
            async with self.db.write() as connection:
                await sessions.note_seen(connection, secret, now)
        return found

    def _built_in(self) -> IdentityProvider | None:
        own = {each.client_id: each for each in self.providers.values() if each.built_in}
        if not own:
            return None
        clients = {id_: Client(each.client_secret, frozenset({self.callback(each)})) for id_, each in own.items()}
        return IdentityProvider(next(iter(own.values())).issuer, clients, self.accounts, self.clock)


def _within(idp: IdentityProvider) -> Fetch:
    """The built-in provider is asked without a detour over the network."""

    async def fetch(method: str, url: str, headers: Mapping[str, str], content: bytes) -> HttpAnswer:
        told = idp.answer(method, url.removeprefix(idp.issuer), headers.get("authorization", ""), content)
        return HttpAnswer(told.status, {"content-type": "application/json"}, told.json())

    return fetch


def _unknown(identity: Identity) -> str:
    return (
        "You are not registered here. Ask your agency's administrator, and give them this account: "
        f"{identity.provider.issuer} {identity.subject}"
    )
