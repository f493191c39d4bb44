"""Charts: each number stands beside its bar, and the columns of a day are as high as what they count."""

import re

from gateway.console.charts import HEIGHT, OTHERS, columns
from pages.rendering import environment


def bars(*pairs: tuple[object, ...]) -> str:
    macros = environment("en").get_template("parts.html").make_module({"_": lambda text: text})
    return str(macros.bars("Exchanges", pairs))  # type: ignore[attr-defined]


def test_a_number_stands_beside_its_bar_and_its_label_is_whole() -> None:
    long = "A name that is longer than any chart has room for beside its bars, and is told whole"
    told = bars((long, 2000, "/console/exchanges?provider=x"), ("Other", 500), ("<b>None</b>", 0))
    assert re.findall(r'<rect width="([\d.]+)"', told) == ["100.0", "25.0", "0.0"]
    assert re.findall(r"<span>([\d,]+)</span>", told) == ["2,000", "500", "0"]
    assert f'<a class="govuk-link" href="/console/exchanges?provider=x">{long}</a>' in told
    assert "&lt;b&gt;None" in told


def test_of_nothing_there_is_no_chart() -> None:
    assert bars().strip() == ""


def test_the_highest_day_is_as_high_as_the_chart() -> None:
    counted = [{"name": f"p{n}", "exchanges": 3, "days": [1, 2]} for n in range(7)]
    days = [{"day": "2026-10-30", "exchanges": 7}, {"day": "2026-10-31", "exchanges": 14}]
    chart = columns(counted, days)
    heights = [[float(each) for each in re.findall(r"v([\d.]+)h", shape.path)] for shape in chart.shapes]
    assert [round(sum(each)) for each in zip(*heights, strict=True)] == [HEIGHT / 2, HEIGHT]
    assert (chart.most, chart.parts[-1].name, chart.parts[-1].total) == (14, OTHERS, 6)
