"""Every kind of entry that the code can write has a sentence of its own, in each language: no reader meets a code."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from audit.wording import KINDS
from consent.proposals import RECORDED, REJECTED, WITHDRAWN
from pages.languages import LANGUAGES

ROOT = Path(__file__).parents[2]
KIND = re.compile(r"[a-z_]+\.[a-z_]+")
EXCHANGES = {"exchange.intent", "exchange.outcome"}
"""Told as sentences with who asked whom for what, see `audit.wording`."""
NO_ENTRIES = {
    *("event_type.created", "event_type.removed"),
    *("settings.json", "report.json", "evidence.zip", "contest.html", "keystore.salt", "log.key", "log.signed"),
    *("signature.tolerant", "signature.required", "signature.window_s", "signature.dialect", "signature.algorithms"),
    *("letters.drop", "letters.release", "role.grant", "system.policy", "agreement.widening", "adapter.release"),
    *("member.suspension", "member.resume", "member.retire"),
    "campaign.id",
}
"""The rest of a kind, files, columns, settings, kinds of proposals: they look like kinds of entries."""
WRITES = {"Entry": 1, "entry": 0, "noted": 2, "_noted": 1}
"""Which argument of a call is the kind."""


def trees() -> Iterator[tuple[str, ast.AST]]:
    """Every module that may write to the log."""
    for package in ("gateway", "consent", "audit"):
        for path in sorted((ROOT / package).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text("utf-8"))


def texts(tree: ast.AST) -> Iterator[str]:
    """Every constant text of a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def begun(tree: ast.AST) -> Iterator[str]:
    """What a kind that is given to the log begins with: all of it, or the part before a place for a value."""
    for node in ast.walk(tree):
        name = getattr(node.func, "id", getattr(node.func, "attr", "")) if isinstance(node, ast.Call) else ""
        if isinstance(node, ast.Call) and name in WRITES and len(node.args) > WRITES[name]:
            kind = node.args[WRITES[name]]
            first = kind.values[0] if isinstance(kind, ast.JoinedStr) else kind
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield first.value


def test_each_text_that_reads_as_a_kind_of_entry_has_words() -> None:
    families = {kind.partition(".")[0] for kind in KINDS}
    found = {text for _, tree in trees() for text in texts(tree) if KIND.fullmatch(text)}
    named = {text for text in found if text.partition(".")[0] in families}
    assert len(named & KINDS.keys()) > 100
    assert named - KINDS.keys() - EXCHANGES - NO_ENTRIES == set()


def test_each_kind_given_to_the_log_is_of_a_family_that_has_words() -> None:
    given = {(where, kind) for where, tree in trees() for kind in begun(tree) if "." in kind}
    assert len(given) > 40
    lacking = [each for each in given if not any(known.startswith(each[1]) for known in [*KINDS, *EXCHANGES])]
    assert lacking == []


def test_each_kind_made_of_a_family_and_a_word_has_words() -> None:
    """Where a kind is put together, the words are the arguments of `entry(...)` and `_entry(...)` in that module."""
    for where, family, name in (
        ("gateway/edges/mediator/rooms.py", "pubsub", "entry"),
        ("gateway/proposing.py", "proposal", "_entry"),
    ):
        calls = [each for each in ast.walk(dict(trees())[where]) if isinstance(each, ast.Call)]
        ours = [each for each in calls if getattr(each.func, "attr", "") == name]
        said = {arg.value for each in ours for arg in each.args if isinstance(arg, ast.Constant)}
        assert len(said) > 1
        assert {f"{family}.{word}" for word in said} - KINDS.keys() == set()
    assert {f"proposal.{word}" for word in (RECORDED, REJECTED, WITHDRAWN)} - KINDS.keys() == set()


@pytest.mark.parametrize("code", [code for code in LANGUAGES if code != "en"])
def test_the_words_of_each_kind_are_there_in_each_language(code: str) -> None:
    assert [kind for kind, text in KINDS.items() if text not in LANGUAGES[code].words] == []
