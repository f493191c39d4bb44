"""What can be asked at the DCI edge, by interface: six published files, one protocol with small differences.

A path is written without what stands before it (`sync/search`); an interface by DCI's own short name (`SR`).

Source: SPDCI OpenAPI 1.0.0 of each registry, `schemas/dci/*.json`; `schemas/dci/SOURCE.md` has what was broken there.
"""

from collections.abc import Mapping
from dataclasses import dataclass

GATEWAY_INTERFACE = "ESS"  # of messages that name no registry that DCI knows: its reg_records are the freest


@dataclass(frozen=True, slots=True)
class Interface:
    """One published file.

    Attributes:
        reg_types: the registry types that it is about, by the part after the last colon, in lower case.
        one_record: `reg_records` of a search's answer is one object instead of a list.
        one_in_status: the same where a search's answer stands in the answer to `txn/status`.
        subscriptions_in_status: `txn_status` has a shape for what became of a subscription.
        event_types: what a notification may call its event; empty: anything.
    """

    name: str
    schema: str
    reg_types: frozenset[str]
    one_record: bool = False
    one_in_status: bool = False
    subscriptions_in_status: bool = False
    event_types: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Operation:
    """One path.

    Attributes:
        action: the header's, as its file pins it.
        items: the member of the message that lists what is counted by `total_count`; empty: it counts one.
        reply: the action of a synchronous reply; empty where an acknowledgement is all.
        empty: a message of the reply's shape with nothing in it.
        interface: where only one has it.
        scope: what a token needs for it.
    """

    path: str
    action: str
    items: str = ""
    reply: str = ""
    empty: str = ""
    interface: str = ""
    scope: str = "exchange"

    @property
    def is_callback(self) -> bool:
        """Whether its header may lack a number of items."""
        return "/on-" in f"/{self.path}"


INTERFACES: Mapping[str, Interface] = {
    each.name: each
    for each in (
        Interface(
            "SR",
            "dci/social.json",
            frozenset({"social", "sr", "sr_person"}),
            event_types=frozenset({"REGISTER", "NewHouseHoldMember"}),
        ),
        Interface(
            "ESS",
            "dci/ess.json",
            frozenset({"ess", "employment", "sp"}),
            event_types=frozenset({"enrolment", "enrolment_status_change"}),
        ),
        Interface(
            "CRVS",
            "dci/crvs.json",
            frozenset({"civil", "crvs", "birth", "death", "marriage"}),
            one_in_status=True,
            subscriptions_in_status=True,
        ),
        Interface(
            "IBR",
            "dci/ibr.json",
            frozenset({"ibr", "beneficiary"}),
            event_types=frozenset({"enrollement", "enrollement_status_change"}),
        ),
        Interface(
            "DR",
            "dci/dr.json",
            frozenset({"dr", "disability"}),
            one_record=True,
            event_types=frozenset({"REGISTER"}),
        ),
        Interface(
            "FR",
            "dci/fr.json",
            frozenset({"fr", "farmer"}),
            one_in_status=True,
            subscriptions_in_status=True,
            event_types=frozenset({"REGISTER"}),
        ),
    )
}
OPERATIONS: Mapping[str, Operation] = {
    each.path: each
    for each in (
        Operation("search", "search", "search_request"),
        Operation("on-search", "on-search", "search_response"),
        Operation("subscribe", "subscribe", "subscribe_request", scope="events"),
        Operation("on-subscribe", "on-subscribe", "subscribe_response", scope="events"),
        Operation("notify", "notify", "notify_event", scope="events"),
        Operation("unsubscribe", "unsubscribe", scope="events"),
        Operation("on-unsubscribe", "on-unsubscribe", scope="events"),
        Operation("txn/status", "txn-status"),
        Operation("txn/on-status", "txn-on-status"),
        Operation("sync/search", "search", "search_request", "on-search", "search_response"),
        Operation("sync/txn/status", "txn-status", "", "txn-on-status", "txnstatus_response"),
        Operation(
            "sync/check-enrollment", "enrollementstatus", "", "txn-on-status", "enrolled_response", interface="ESS"
        ),
        Operation("sync/enrolled", "search", "", "on-search", "enrolled_response", interface="IBR"),
        Operation(
            "sync/enrollment/updates", "notify", "", "notify", "enrolled_response", interface="IBR", scope="events"
        ),
        Operation("sync/disabled", "search", "", "on-search", "disabled_response", interface="DR"),
        Operation("sync/get-disability-support", "search", "", "on-search", "search_response", interface="DR"),
        Operation("sync/get-disability-details", "search", "", "on-search", "search_response", interface="DR"),
    )
}


def asked_of(interface: str) -> list[str]:
    """The paths of messages to a provider whose register has this interface; empty: one that DCI does not know.

    What tells the gateway something (`notify`, `on-search`) is none of a provider's.
    """
    return [
        each.path
        for each in OPERATIONS.values()
        if each.interface in {"", interface} and each.action != "notify" and not each.is_callback
    ]


def operation_at(path: str) -> Operation | None:
    """The operation that an HTTP path ends in; the longest one, so that `sync/search` is not `search`."""
    found = [each for name, each in OPERATIONS.items() if path.endswith(f"/{name}")]
    return max(found, key=lambda each: len(each.path), default=None)


def request_schema(interface: Interface, path: str) -> str:
    """The name of the schema of what is sent there."""
    return f"{interface.schema}#/operations/{_pointer(path)}/request"


def reply_schema(interface: Interface, path: str) -> str:
    """The name of the schema of what is answered there."""
    return f"{interface.schema}#/operations/{_pointer(path)}/responses/default"


def of_reg_type(reg_type: object) -> Interface | None:
    """The interface that a registry type belongs to, by the part after the last colon."""
    last = str(reg_type).rpartition(":")[2].lower()
    return next((each for each in INTERFACES.values() if last in each.reg_types), None)


def of_schema(schema: str) -> Interface | None:
    """The interface whose file this is."""
    return next((each for each in INTERFACES.values() if each.schema == schema), None)


def _pointer(path: str) -> str:
    return f"~1registry~1{path.replace('/', '~1')}"
