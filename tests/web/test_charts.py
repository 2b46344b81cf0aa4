"""Charts and small parts are pictures and words made on the server: they must render and carry their numbers."""

from pathlib import Path

import pytest
from flask import Flask
from flask_babel import Babel

from web.charts import ticks

ROOT = Path(__file__).parents[2]
SERIES = [
    {"name": "Paid", "css": "f1", "values": [0, 6, 8], "texts": ["€0", "€6", "€8"]},
    {"name": "Open", "css": "f4", "values": [5, 0, 9], "texts": ["€5", "€0", "€9"]},
]
MONTHS = ["Jan", "Feb", "Mar"]


@pytest.fixture(scope="module")
def pages():
    app = Flask("pages", template_folder=str(ROOT / "templates"), static_folder=str(ROOT / "static"))
    app.config["SECRET_KEY"] = "only for this test"
    Babel(app)
    app.jinja_env.globals["static_url"] = lambda name: f"/static/{name}?v=1"
    return app


def draw(pages, source, **values):
    with pages.test_request_context("/"):
        return pages.jinja_env.from_string(source).render(**values)


@pytest.mark.parametrize("kind", ["stacked_bars", "line", "diverging_bars"])
def test_a_chart_has_a_title_a_description_and_its_numbers_as_a_table(pages, kind):
    html = draw(
        pages,
        "{% import 'macros/charts.html' as charts %}{{ charts." + kind + "('c', 'Revenue', 'It rose.', m, s, t) }}",
        m=MONTHS,
        s=SERIES,
        t=ticks(0, 17, str),
    )
    assert '<title id="c-t">Revenue</title><desc id="c-d">It rose.</desc>' in html
    assert all(f'<td class="num">{text}</td>' in html for one in SERIES for text in one["texts"])
    assert "style=" not in html and "<script" not in html


def test_of_a_diverging_chart_the_second_series_hangs_below_the_axis_even_when_the_first_is_zero(pages):
    html = draw(
        pages,
        "{% import 'macros/charts.html' as charts %}{{ charts.diverging_bars('c', 'T', 'D', m, s, t) }}",
        m=MONTHS,
        s=SERIES,
        t=ticks(0, 9, str),
    )
    axis = float(html.split('class="axis"')[1].split('y1="')[1].split('"')[0])
    lost = [float(part.split(' y="')[1].split('"')[0]) for part in html.split('<rect class="f4"')[1:]]
    won = [float(part.split(' y="')[1].split('"')[0]) for part in html.split('<rect class="f1"')[1:]]
    assert len(lost) == 2 and len(won) == 2
    assert all(y > axis for y in lost) and all(y < axis for y in won)


def test_charts_stand_empty_data(pages):
    for kind in ("stacked_bars", "line", "diverging_bars"):
        source = "{% import 'macros/charts.html' as charts %}{{ charts." + kind + "('c', 'T', 'D', [], s, t) }}"
        nothing = [{"name": "Paid", "css": "f1", "values": [], "texts": []}]
        assert "</svg>" in draw(pages, source, s=nothing, t=ticks(0, 0, str))
    assert "</table>" in draw(
        pages, "{% import 'macros/charts.html' as charts %}{{ charts.ageing([], 'Days', 'Invoices', 'Open') }}"
    )


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0, 0, [0, 1]), (0, 17, [0, 5, 10, 15, 20]), (0, 174_00, [0, 5000, 10000, 15000, 20000]), (141, 168, None)],
)
def test_ticks_are_round_and_enclose_the_figures(low, high, expected):
    values = [value for value, _ in ticks(low, high, str)]
    assert values[0] <= low and values[-1] >= high and len(values) >= 2
    assert expected is None or values == expected


def test_hostile_words_stay_words(pages):
    html = draw(
        pages,
        "{% import 'macros/ui.html' as ui %}{{ ui.pill('ok', x) }}{{ ui.kv([(x, x)]) }}{{ ui.tags([x, x, x]) }}"
        "{{ ui.timeline([{'text': x, 'by': x, 'note': x, 'when': x}]) }}{{ ui.empty(x, x) }}"
        "{{ ui.effects([('bad', 'user', x)]) }}{{ ui.stats([{'label': x, 'value': x}]) }}{{ ui.alert(x) }}",
        x="\"'><img src=x onerror=1>{{7*7}}",
    )
    assert "<img" not in html and "49" not in html


def test_every_template_compiles_and_has_no_inline_handler_style_or_outside_address(pages):
    pages.jinja_env.filters |= dict.fromkeys(
        ("money", "short_date", "moment", "moment_text", "percent", "number", "ago", "with_amounts"), str
    )
    for path in (ROOT / "templates").rglob("*.html"):
        text = path.read_text()
        pages.jinja_env.get_template(str(path.relative_to(ROOT / "templates")))
        for forbidden in (" onclick=", " onchange=", " style=", "javascript:", "https://", "http://"):
            assert forbidden not in text, f"{forbidden} in {path}"


@pytest.mark.parametrize("code", [400, 403, 404, 409, 413, 429, 500, 503])
def test_error_pages_say_what_is_wrong_and_offer_a_way_out(pages, code):
    html = draw(pages, "{% extends 'errors/" + str(code) + ".html' %}")
    assert html.count("<h1>") == 1 and "btn btn-primary" in html and "Traceback" not in html
