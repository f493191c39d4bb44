"""What answers the messages that the DCI edge took to answer later: one for each kind of them."""

from ...wiring import Services
from .later import SEARCH, STATUS, SearchAnswers
from .status import StatusAnswers
from .subscriptions import SUBSCRIBE, UNSUBSCRIBE, SubscribeAnswers, UnsubscribeAnswers


def answer_later(services: Services) -> None:
    """Let this process answer them; whoever runs jobs calls it."""
    services.transactions.answers(SEARCH, SearchAnswers(services))
    services.transactions.answers(STATUS, StatusAnswers(services))
    services.transactions.answers(SUBSCRIBE, SubscribeAnswers(services))
    services.transactions.answers(UNSUBSCRIBE, UnsubscribeAnswers(services))
