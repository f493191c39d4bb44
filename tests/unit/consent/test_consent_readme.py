"""The README's first example runs as it stands."""

import re
from pathlib import Path

import consent


def test_the_readme_example_runs() -> None:
    text = (Path(consent.__file__).parent / "README.md").read_text(encoding="utf-8")
    exec(re.findall(r"```python\n(.*?)```", text, re.DOTALL)[0], {})
