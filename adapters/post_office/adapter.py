"""Post offices by files: payments to cards, what was paid, what nobody claimed."""

import re
from collections.abc import Mapping, Sequence

from adapters.kit.base import Kit
from adapters.kit.contract import AgencyError, Handed, Item
from adapters.kit.payments import PaysByFile

from .lists import Seen, acknowledged, details, fits, number_of, told, written

FILES = re.compile(r"(?:ACK-[0-9a-f]{32}|DET-[0-9]{6}-[0-9]{2})\.txt")


class PostOffice(PaysByFile):
    """The month's details say what was paid and what came back; the post's word is `OK`, or its code for a line."""

    whom, kind = "the post", "card"

    def __init__(self, kit: Kit) -> None:
        super().__init__(kit, "POST_OFFICE_DEADLINE_S")

    def check_order(self, item: Item) -> None:
        """Also what no line of a list can hold; see `lists.fits`."""
        super().check_order(item)
        fits(item)

    def parse(self, service: str, body: bytes) -> object:
        """The payload of one file about one payment."""
        self.service(service)
        content = body if body.endswith(b"\n") else body + b"\n"
        (only,) = acknowledged(content) if content.startswith(b"H|1|ACK|") else details(content)
        return only.record()

    async def sent(self, items: Sequence[Item]) -> Mapping[str, Handed | AgencyError]:
        """One list, and the post's answer to it."""
        number = number_of(items)
        await self.box.hand_in(f"LST-{number}.txt", written(items))
        name, content = await self.box.awaited(f"ERR-{number}.txt", f"ACK-{number}.txt")
        return told(items, name, content)

    async def seen(self) -> Mapping[str, Seen]:
        """By payment: details go before acknowledgements, and come after them by name."""
        found: dict[str, Seen] = {}
        for name, content in (await self.box.all_of(FILES)).items():
            for each in acknowledged(content) if name.startswith("ACK-") else details(content):
                if found.get(each.payment) is None or each.state != "rejected":
                    found[each.payment] = each
        return found


def build(kit: Kit) -> PostOffice:
    """The adapter of this folder."""
    return PostOffice(kit)
