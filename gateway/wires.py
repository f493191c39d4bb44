"""How DCI messages to and from one registered system are protected: as its policy says."""

from collections.abc import Mapping

from adapters.kit.contract import AgencyAnswerMalformed, AgencyRejectedMessage
from adapters.kit.dci_wire import Envelope, Sent
from adapters.kit.egress import HttpAnswer

from .edges.dci.names import Names, notified_by
from .edges.dci.operations import INTERFACES, Interface, of_reg_type
from .trust.dialects import Message
from .trust.errors import EncryptionRefused, NotCanonical, SignatureRefused
from .trust.trust import Trust


class SystemWire:
    """The `Wire` to one system. One that is not registered gets the default, and its replies are taken as they come."""

    def __init__(self, trust: Trust, system: str, interface: str = "") -> None:
        """`system`: its id, `LK/GOV/DME/ESS`; `interface`: what it is notified by where neither its policy nor
        the event names one."""
        self._trust, self._system, self._interface = trust, system, interface

    async def sealed(self, url: str, headers: Mapping[str, str], envelope: Envelope) -> Sent:
        """See `Wire.sealed`."""
        await self._trust.register()
        messages = self._trust.messages
        try:
            dci = messages.policy(self._system).dci
            theirs = Names(dci).outwards(envelope)
            if interface := INTERFACES.get(dci.interface) or _named(theirs) or INTERFACES.get(self._interface):
                theirs = notified_by(interface, theirs)
            closed = messages.closed(self._system, theirs)
            signed = messages.signed(self._system, Message.of(closed, url=url, headers=tuple(headers.items())))
        except (EncryptionRefused, NotCanonical) as error:
            raise AgencyRejectedMessage(f"not sent: {error.detail}", code="cannot_be_protected") from None
        return Sent(url, dict(signed.headers), signed.body)

    async def opened(self, reply: Envelope, answer: HttpAnswer, to: Sent) -> Envelope:
        """See `Wire.opened`."""
        if self._system not in (await self._trust.register()).systems:
            return reply
        asked = Message(to.body, headers=tuple(to.headers.items()), url=to.url)
        message = Message(answer.body, reply, tuple(answer.headers.items()), status=answer.status, request=asked)
        try:
            await self._trust.messages.verified(self._system, message)
            clear = self._trust.messages.opened(self._system, reply)
            return dict(Names(self._trust.messages.policy(self._system).dci).inwards(clear))
        except (SignatureRefused, EncryptionRefused) as error:
            raise AgencyAnswerMalformed("the reply is not protected as agreed", code=error.reason) from None


def _named(envelope: Mapping[str, object]) -> Interface | None:
    """The interface of the registry that the first event of a notification is about, if it is one of DCI's."""
    message = envelope.get("message")
    events = message.get("notify_event") if isinstance(message, Mapping) else None
    data = events[0]["data"] if isinstance(events, list) and events else {}
    return of_reg_type(data.get("reg_type")) if data else None
