"""What is answered later or told again and again: work under way, subscriptions. `Client` has these calls too."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from .session import Session

REAL_TIME = "real-time"


class Later:
    """Calls about what takes its time. One session; see `Client`."""

    session: Session

    async def job(self, job_id: str) -> dict[str, Any]:
        """How far one piece of work of ours is, by its own id: a delivery, a batch, a message, an exchange.

        An exchange that was asked by `exchange_later` has its `answer`, once there is one.
        """
        found: dict[str, Any] = (await self.session.call("GET", f"/v1/jobs/{quote(job_id, safe='')}")).json()
        return found

    async def jobs(self) -> Sequence[Mapping[str, Any]]:
        """What of ours is not over, oldest first, at most a hundred."""
        found: Sequence[Mapping[str, Any]] = (await self.session.call("GET", "/v1/jobs")).json()["jobs"]
        return found

    async def subscribe(
        self,
        provider: str,
        event_type: str,
        *,
        purpose: str,
        only: Mapping[str, object] | None = None,
        frequency: str = REAL_TIME,
    ) -> dict[str, Any]:
        """Be told of a provider's events at our registered address; the `code` in the answer is what it is ended by.

        Args:
            only: a filter, `{"field": {"eq": value}}` with `$and`, `$or` and `$not` around; everything without one.
            frequency: `real-time`, or a cron expression to be told what came since.
        """
        body: dict[str, object] = {
            "provider": provider,
            "event_type": event_type,
            "purpose": purpose,
            "frequency": frequency,
        }
        body |= {"filter": only} if only else {}
        reply = await self.session.call("POST", "/v1/subscriptions", json=body, repeatable=True)
        found: dict[str, Any] = reply.json()
        return found

    async def subscriptions(self) -> Sequence[Mapping[str, Any]]:
        """All of ours, ended ones too, oldest first."""
        reply = await self.session.call("GET", "/v1/subscriptions")
        found: Sequence[Mapping[str, Any]] = reply.json()["subscriptions"]
        return found

    async def unsubscribe(self, code: str) -> dict[str, Any]:
        """End one: from the answer on nothing of it is handed over."""
        reply = await self.session.call("DELETE", f"/v1/subscriptions/{quote(code, safe='')}")
        found: dict[str, Any] = reply.json()
        return found
