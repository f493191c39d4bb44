"""Asks every operation of a published OpenAPI file with schemathesis, and holds every answer against the file."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import hypothesis
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis import GenerationMode, checks

SEED = 20261122
CHECKED = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]


@dataclass
class Found:
    """What was answered, and what of it the file does not have."""

    faults: set[str] = field(default_factory=set)
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)

    @property
    def answered(self) -> set[str]:
        """The operations that were answered well at least once."""
        return {label for label, status in self.answers if status < 400}

    def note(self, case: Any, **how: Any) -> None:
        answer = case.call(timeout=20, **how)
        self.answers[case.operation.label, answer.status_code] += 1
        try:
            case.validate_response(answer, checks=CHECKED)
        except schemathesis.checks.FailureGroup as group:
            told = f"{case.operation.label} {answer.status_code} {answer.content[:200]!r}"
            self.faults |= {f"{told}: {str(each)[:200]}" for each in group.exceptions}


def ask(
    document: dict[str, Any],
    url: str,
    mode: GenerationMode,
    examples: int,
    meant: Callable[[Any], Any] = lambda case: case,
    *,
    which: Callable[[Any], bool] = lambda _: True,
    **how: Any,
) -> Found:
    """Ask them all.

    Args:
        url: what stands before the document's paths.
        meant: puts words into a case that the gateway knows, now and then, so that it looks beyond them.
        which: of the operations; all, unless it says so.
        how: for each call, as `requests` has it.
    """
    schema = schemathesis.openapi.from_dict(document)
    schema.config.base_url = url
    schema.config.generation.update(with_security_parameters=False)
    found = Found()
    for result in schema.get_all_operations():
        operation = result.ok()
        if not which(operation):
            continue

        @hypothesis.seed(SEED)
        @hypothesis.given(operation.as_strategy(generation_mode=mode))
        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def asked(case: Any) -> None:
            found.note(meant(case), **how)

        try:
            asked()
        except hypothesis.errors.Unsatisfiable:
            continue  # nothing of this operation can be wrong
    return found
