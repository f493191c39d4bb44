"""Mappings that want to be programs, or to be endless. Threat 21."""

import ast
import time
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.kit import converters, mapping
from adapters.kit.mapping import MappingError, compiled
from adapters.kit.untrusted import ProgramRefused, checked_mapping

LINE = 'a = { from = "/a" }'
REFUSED: dict[str, tuple[str, str]] = {
    "an expression": ("grammar", 'a = { from = "/a", value = "1 + 1" }'),
    "a condition": ("grammar", 'a = { from = "/a", if = "/b" }'),
    "a template": ("grammar", 'a = { from = "/a", template = "{0.__class__}" }'),
    "a pattern of one's own": ("grammar", 'a = { from = "/a", pattern = "(a+)+" }'),
    "a script": ("grammar", 'a = { script = "import os" }'),
    "an attribute": ("grammar", 'a = { from = "a.__class__" }'),
    "a path of another language": ("grammar", 'a = { from = "$..*" }'),
    "an unknown converter": ("converter", 'a = { from = "/a", with = "exec" }'),
    "a converter inside Python": ("grammar", 'a = { from = "/a", with = "__import__" }'),
    "a converter with a path": ("grammar", 'a = { from = "/a", with = "os.system" }'),
    "converter and each at once": ("grammar", 'a = { from = "/a", with = "text", each = { b = { from = "/b" } } }'),
    "an unknown converter deep inside": (
        "converter",
        'a = { from = "/a", each = { b = { from = "/b", each = { c = { from = "/c", with = "eval" } } } } }',
    ),
    "a field that is no name": ("grammar", '"__proto__" = { from = "/a" }'),
    "a number": ("grammar", "a = 1"),
    "a list": ("grammar", 'a = [{ from = "/a" }]'),
    "a number for a pointer": ("grammar", "a = { from = 1 }"),
    "each of nothing": ("grammar", 'a = { from = "/a", each = {} }'),
    "a condition on nothing that is mapped": (
        "condition_unknown",
        'a = { from = "/a", only_where = { b = ["x"] } }',
    ),
    "a condition on a line of elsewhere": (
        "condition_unknown",
        'a = { from = "/a" }\nc = { from = "/c", each = { b = { from = "/b", only_where = { a = ["x"] } } } }',
    ),
    "a condition on itself": ("condition_later", 'a = { from = "/a", only_where = { a = ["x"] } }'),
    "conditions on each other": (
        "condition_later",
        'a = { from = "/a", only_where = { b = ["x"] } }\nb = { from = "/b", only_where = { a = ["x"] } }',
    ),
    "a condition on a list": (
        "condition_list",
        'a = { from = "/a", each = { c = { from = "/c" } } }\nb = { from = "/b", only_where = { a = ["x"] } }',
    ),
    "a condition on two fields": (
        "grammar",
        'a = { from = "/a" }\nc = { from = "/c" }\nb = { from = "/b", only_where = { a = ["x"], c = ["x"] } }',
    ),
    "a condition of no values": ("grammar", f'{LINE}\nb = {{ from = "/b", only_where = {{ a = [] }} }}'),
    "a condition of one value": ("grammar", f'{LINE}\nb = {{ from = "/b", only_where = {{ a = true }} }}'),
    "a condition within a condition": (
        "grammar",
        f'{LINE}\nb = {{ from = "/b", only_where = {{ a = [{{ not = "x" }}] }} }}',
    ),
    "an expression as a condition": ("grammar", f'{LINE}\nb = {{ from = "/b", only_where = "a == true" }}'),
    "a condition on a place of the answer": (
        "grammar",
        f'{LINE}\nb = {{ from = "/b", only_where = {{ "/a" = ["x"] }} }}',
    ),
    "a condition of many values": (
        "grammar",
        f'{LINE}\nb = {{ from = "/b", only_where = {{ a = {list(range(21))} }} }}',
    ),
    "a condition of a long value": (
        "grammar",
        f'{LINE}\nb = {{ from = "/b", only_where = {{ a = ["{"x" * 81}"] }} }}',
    ),
    "a condition of a number with a point": (
        "grammar",
        f'{LINE}\nb = {{ from = "/b", only_where = {{ a = [0.5] }} }}',
    ),
    "no TOML": ("toml", "a = {"),
    "two lines of one name": ("toml", f"{LINE}\n{LINE}"),
    "too many lines": ("too_many_lines", "\n".join(f'a{n} = {{ from = "/a" }}' for n in range(501))),
    "each in each in each": (
        "too_deep",
        "a = " + '{ from = "/x", each = { b = ' * 6 + '{ from = "/y" }' + " } }" * 6,
    ),
    "deeper than any parser": ("too_deep", "a = " + "{ each = " * 3000 + "1" + " }" * 3000),
    "too large": ("too_large", "\n".join(f"# {'x' * 100}" for _ in range(700))),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_hostile_mapping_is_refused_at_once(case: str) -> None:
    code, lines = REFUSED[case]
    started = time.process_time()
    with pytest.raises(ProgramRefused) as caught:
        checked_mapping(f"[levy]\n{lines}\n".encode(), "their.toml")
    assert time.process_time() - started < 2.0
    assert caught.value.code == code
    assert str(caught.value).startswith("their.toml")


def test_the_line_is_that_of_the_fault(tmp_path: Path) -> None:
    (tmp_path / "mapping.toml").write_text(f'[pay]\n{LINE}\n\n[levy]\n{LINE}\nb = {{ from = "/b", with = "eval" }}\n')
    with pytest.raises(MappingError, match=r"mapping\.toml:6: no converter eval"):
        mapping.load(tmp_path)


def test_one_answer_takes_two_hundred_thousand_values_and_no_more() -> None:
    """A megabyte of entries, read by five hundred lines: the work stops where the budget ends, at every answer anew."""
    wide = {f"f{n}": {"from": "/x", "optional": "yes"} for n in range(100)}
    mapper = compiled({f"a{n}": {"from": "/list", "each": wide} for n in range(20)})
    small, large = {"list": [{}] * 100}, {"list": [{}] * 1000}
    started = time.process_time()
    with pytest.raises(MappingError, match=r"a\d+: more than 200000 values in lists, the last at /list"):
        mapper(large)
    for _ in range(3):
        assert len(mapper(small)) == 20
    assert time.process_time() - started < 2.0


def test_lists_within_lists_are_counted_together() -> None:
    inner = {"b": {"from": "/inner", "each": {"c": {"from": "/c", "optional": "yes"}}}}
    mapper = compiled({"a": {"from": "/outer", "each": inner}})
    with pytest.raises(MappingError, match="more than 200000 values"):
        mapper({"outer": [{"inner": [{}] * 1000}] * 300})


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
)


@given(st.text(max_size=200))
@settings(max_examples=200)
def test_any_text_is_refused_by_name_or_taken(text: str) -> None:
    with suppress(ProgramRefused):
        assert checked_mapping(text.encode("utf-8", "surrogatepass")) == {}


@given(st.sampled_from(sorted(converters.CONVERTERS)), VALUES)
@settings(max_examples=500)
def test_any_value_is_converted_or_refused_by_name(name: str, value: object) -> None:
    mapper = compiled({"a": {"from": "/a", "with": name}})
    told = "a: converted"
    try:
        mapper({"a": value})
    except MappingError as error:
        told = str(error)
    assert told.startswith("a: ")


DANGEROUS = frozenset(
    {
        *("__import__", "compile", "delattr", "eval", "exec", "format", "format_map", "getattr", "globals", "locals"),
        *("open", "setattr", "vars", "Template", "attrgetter", "methodcaller", "import_module", "subprocess", "pickle"),
    }
)


@pytest.mark.parametrize("module", [mapping, converters])
def test_the_mapping_language_has_nothing_to_run_code_with(module: object) -> None:
    tree = ast.parse(Path(module.__file__).read_text("utf-8"))
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    names |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)} - {"compile"}  # re.compile
    names |= {
        each.name for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom) for each in node.names
    }
    assert names & DANGEROUS == set()
