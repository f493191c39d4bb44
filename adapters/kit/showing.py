"""What a folder does with its own samples, for a person to look at: the question, the answer, and what comes of it."""

import json
from pathlib import Path
from typing import Any

from adapters.kit import conformance, golden
from adapters.kit import manifest as manifests
from adapters.kit.carrying import carried
from adapters.kit.contract import AgencyError, Service

MOST = 20


def shown(folder: Path) -> list[dict[str, Any]]:
    """Each sample of an answer: `request` as the agency gets it about the samples' person, `answer`, `result`, `told`.

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
        text = json.dumps(told, ensure_ascii=False, indent=2) if result == "record" else str(told)
        about = {"name": sample.name, "story": sample.story, "service": service.id}
        asked = {"request": _request(folder, service), "answer": sample.given.decode("utf-8", "replace")}
        found.append(about | asked | {"result": result, "told": text})
    return found


def _request(folder: Path, service: Service) -> str:
    request = service.extra.get("request")
    if not isinstance(request, dict):
        return ""
    try:
        person = conformance.subject_of(folder)
        body = {member: carried(person, what, conformance.AS_AT) for member, what in request.items()}
    except AgencyError as error:
        return str(error)
    return f"POST {service.extra.get('path', '')}\n{json.dumps(body, ensure_ascii=False, indent=2)}"
