"""The README's examples that stand alone run as they are: the first two, one after the other."""

import re
from pathlib import Path

import consent


def test_the_readme_examples_run() -> None:
    text = (Path(consent.__file__).parent / "README.md").read_text(encoding="utf-8")
    names: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL)[:2]:
        exec(block, names)
    assert "signed" in names
