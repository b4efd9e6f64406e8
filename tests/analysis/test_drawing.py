"""Curves in Python: values worked out by hand and by lifelines, a figure that shows them, a table of them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from lifelines import KaplanMeierFitter

from fhir_blina.analysis.analysis import analyze
from fhir_blina.analysis.drawing import survival_curves
from fhir_blina.errors import AnalysisError
from fhir_blina.views.tables import read_tables
from tests.foreign import ENDPOINTS, FORMS, PATIENTS, SURVIVAL

GUIDE = Path(__file__).parents[2] / "docs" / "python.md"


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    return read_tables(FORMS["parts"](tmp_path_factory.mktemp("theirs") / "exported"))


@pytest.fixture
def asked(tmp_path):
    path = tmp_path / "os.yaml"
    path.write_text(ENDPOINTS, "utf-8")
    return path


def test_the_curve_of_everybody_is_that_worked_out_by_hand(tables, asked):
    curves = survival_curves(tables, asked)
    assert list(curves) == ["all"]
    for day, value in SURVIVAL.items():
        assert curves["all"].at(day).value == pytest.approx(value, abs=1e-12)
    frame = curves.frame()
    assert list(frame["time_days"]) == [0, 100, 150, 200, 300, 400]
    assert list(frame["at_risk"]) == [5, 5, 4, 3, 2, 1]


def test_the_curves_of_groups_are_those_of_lifelines(tables, asked):
    curves = survival_curves(tables, asked, "os", by="sex")
    assert list(curves) == ["women", "men"]
    for label, sex in {"women": "female", "men": "male"}.items():
        ends = [(death or seen, death is not None) for one, death, seen in PATIENTS.values() if one == sex]
        fitted = KaplanMeierFitter().fit([day for day, _ in ends], [dead for _, dead in ends])
        for day in (50, 100, 200, 250, 300):
            assert curves[label].at(day).value == pytest.approx(float(fitted.predict(day)), abs=1e-12)


def test_the_figure_shows_the_curve(tables, asked):
    with mpl.rc_context({"backend": "agg"}):
        from matplotlib import pyplot as plt

        axes = survival_curves(tables, asked, by="sex").plot()
        lines = [line for line in axes.get_lines() if line.get_label().startswith("men")]
        days, values = lines[0].get_data()
        assert list(days) == [0, 150, 200, 400]
        np.testing.assert_allclose(values, [1, 1, 0.5, 0.5])
        words = [text.get_text() for text in axes.get_legend().get_texts()]
        assert words == ["women (n = 2)", "men (n = 3)"]
        assert axes.get_title() == "Overall survival"
        assert axes.get_xlabel() == "Days from diagnosis"
        mine = plt.figure().add_subplot()
        assert survival_curves(tables, asked).plot(mine, intervals=False) is mine
        plt.close("all")


def test_where_events_compete_incidences_are_drawn(tables, asked):
    text = ENDPOINTS.replace("    events: [death]", "    events: [death]\n    competing: [last_seen]")
    asked.write_text(text.replace("censor: last_seen", "censor: end").replace("measures:", GONE), "utf-8")
    curves = survival_curves(tables, asked)
    assert list(curves) == ["death", "last_seen"]
    assert {"ci_low", "estimate"} <= set(curves.frame().columns)
    assert "Cumulative" in curves.plot().get_ylabel()


GONE = "  end: {latest_of: [last_seen, death]}\nmeasures:"


def test_it_shows_itself_in_a_notebook(tables, asked):
    shown = survival_curves(tables, asked, by="sex")._repr_html_()
    assert "<td>men</td><td>3</td><td>1</td>" in shown
    assert "Overall survival" in shown
    results = analyze(tables, asked)._repr_html_()
    assert "os.survival" in results
    assert "os.duration" not in results  # of single patients


@pytest.mark.parametrize(
    ("names", "said"),
    [({"endpoint": "oz"}, 'no endpoint "oz". Known: os'), ({"by": "sax"}, 'no group "sax"')],
)
def test_a_wrong_name_is_an_error(names, said, tables, asked):
    with pytest.raises(AnalysisError, match=said):
        survival_curves(tables, asked, **names)


def test_matplotlib_is_loaded_when_something_is_drawn():
    code = "import sys, fhir_blina.analysis; assert 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])


def test_the_example_of_the_guide_runs(tmp_path, monkeypatch):
    code = re.search(r"```python\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)[1]
    FORMS["transactions"](tmp_path / "exported")
    (tmp_path / "endpoints.yaml").write_text(ENDPOINTS, "utf-8")
    (tmp_path / "views").mkdir()
    view = {
        "resourceType": "ViewDefinition",
        "name": "sexes",
        "status": "active",
        "resource": "Patient",
        "select": [{"column": [{"name": "sex", "path": "gender", "type": "code"}]}],
    }
    (tmp_path / "views" / "ViewDefinition-sexes.json").write_text(json.dumps(view), "utf-8")
    monkeypatch.chdir(tmp_path)
    held: dict[str, object] = {}
    with mpl.rc_context({"backend": "agg"}):
        exec(compile(code, "python.md", "exec"), held)
    assert len(held["tables"]["sexes"]) == 5
    assert (tmp_path / "os.png").stat().st_size > 5_000
    assert (tmp_path / "out" / "report.html").is_file()
