"""What a test endpoint was asked and said about the invented person, for whoever runs the test to look at once.

A test endpoint may answer about somebody real, so nothing of this is kept: it leaves in the answer to the test and
stands in no report, no log and no database. Of a request there is the line, below the base address, and the body; its
head carries what we sign in with, and the base address is sealed.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from urllib.parse import quote, quote_plus
from xml.sax.saxutils import escape

from adapters.kit.contract import AgencyError, RawAnswer
from adapters.kit.egress import Call

MOST = 4000  # characters shown of each
HIDDEN = "***"


@dataclass(frozen=True, slots=True)
class Overheard:
    """`request` and `answer` as they went over the wire, empty where it is no HTTP; `result` is `record`, `error` or
    `later`, and `told` the record (JSON) or the adapter's own sentence."""

    service: str
    request: str
    answer: str
    result: str
    told: str

    def document(self) -> dict[str, str]:
        """As it is shown."""
        return asdict(self)


def overheard(
    service: str,
    call: Call | None,
    raw: RawAnswer | None,
    outcome: Mapping[str, object] | AgencyError | None,
    secrets: Collection[str],
    below: str = "",
) -> Overheard:
    """Of one service.

    Args:
        call: the last one of the service's own client.
        outcome: None where the answer comes later.
        secrets: replaced wherever they stand, however they are escaped, also in what the agency says back.
        below: path of the base address, which the line is shown without.
    """
    request, answer = _spoken(call, below) if call else ("", _indented(json.dumps(raw.payload)) if raw else "")
    result, told = _came_of_it(outcome)
    return Overheard(service, _shown(request, secrets), _shown(answer, secrets), result, _shown(told, secrets))


def _came_of_it(outcome: Mapping[str, object] | AgencyError | None) -> tuple[str, str]:
    if outcome is None:
        return "later", ""
    if isinstance(outcome, AgencyError):
        return "error", str(outcome)
    return "record", json.dumps(outcome, ensure_ascii=False, indent=2)


def _spoken(call: Call, below: str) -> tuple[str, str]:
    head, _, body = call.request.partition(b"\r\n\r\n")
    method, target, _ = head.partition(b"\r\n")[0].decode("ascii", "replace").split(" ", 2)
    said = f"HTTP {call.answer.status}\n{_indented(call.answer.body.decode('utf-8', 'replace'))}"
    line = f"{method} {target.removeprefix(below) or '/'}"
    return f"{line}\n{_indented(body.decode('utf-8', 'replace'))}".strip(), said.strip()


def _indented(text: str) -> str:
    try:
        return json.dumps(json.loads(text), ensure_ascii=False, indent=2)
    except ValueError:
        return text


def _shown(text: str, secrets: Collection[str]) -> str:
    written = {form for each in secrets for form in _forms(each)}
    for each in sorted(written, key=len, reverse=True):  # one may be part of another
        text = text.replace(each, HIDDEN)
    return text if len(text) <= MOST else f"{text[:MOST]}…"


def _forms(secret: str) -> tuple[str, ...]:
    """As it stands in text, in a URL, in XML and in JSON."""
    in_json = (json.dumps(secret, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False))
    return secret, quote(secret, safe=""), quote_plus(secret), escape(secret), *in_json
