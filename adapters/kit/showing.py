"""What a folder does with its own samples, for a person to look at: the question, the answer, and what comes of it."""

import json
from pathlib import Path
from typing import Any

from adapters.kit import conditions, conformance, golden
from adapters.kit import manifest as manifests
from adapters.kit.contract import AgencyError, Service
from adapters.kit.declared_request import sent
from adapters.kit.declared_value import declared_value

MOST = 20


def shown(folder: Path) -> list[dict[str, Any]]:
    """Each sample of an answer: `request` as the agency gets it about the samples' person, `answer`, `result`, `told`,
    and `untold`: which fields a condition of the mapping holds back, and why.

    Raises:
        NotConforming: the folder's samples cannot be read.
    """
    manifest = manifests.load(folder)
    found = []
    for sample in golden.load(folder)[:MOST]:
        if sample.kind != "agency":
            continue
        service = next(each for each in manifest.services.values() if sample.service in {"", each.id.partition(".")[2]})
        result, told = conformance.outcome_of(folder, sample)
        lines = conformance.lines_of(folder, service.id.partition(".")[2])
        untold = conditions.untold(lines, told) if isinstance(told, dict) else []
        text = json.dumps(told, ensure_ascii=False, indent=2) if result == "record" else str(told)
        about = {"name": sample.name, "story": sample.story, "service": service.id}
        asked = {"request": _request(folder, service), "answer": sample.given.decode("utf-8", "replace")}
        found.append(about | asked | {"result": result, "told": text, "untold": untold})
    return found


def _request(folder: Path, service: Service) -> str:
    request = service.extra.get("request")
    if not isinstance(request, dict):
        return ""
    try:
        person = conformance.subject_of(folder)
        values = {member: declared_value(person, what, conformance.AS_AT) for member, what in request.items()}
        made = sent(service, values) if "path" in service.extra and "rows" not in service.extra else None
    except AgencyError as error:
        return str(error)
    if made is None or made.content is None:
        return f"{made.method} {made.target}" if made else json.dumps(values, ensure_ascii=False, indent=2)
    content = made.content.decode() if service.extra.get("body") == "form" else _indented(made.content)
    return f"{made.method} {made.target}\n{content}"


def _indented(content: bytes) -> str:
    return json.dumps(json.loads(content), ensure_ascii=False, indent=2)
