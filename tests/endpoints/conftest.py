"""Tables made by hand for definitions made by hand."""

from __future__ import annotations

import pandas as pd
import pytest

from fhir_blina.views.tables import read_tables

HEAD = """
subjects: {table: patients, key: patient_id, label: patient_id}
systems: {loinc: http://loinc.org, snomed: http://snomed.info/sct}
"""


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    return read_tables(tmp_path_factory.mktemp("empty"))


@pytest.fixture
def made(empty, tmp_path):
    """Tables with patients p1 … and rows as given, and the facts of a definitions file."""

    def make(text, patients, **rows):
        rows["patients"] = [{"patient_id": f"p{n}"} | more for n, more in enumerate(patients, 1)]
        tables = {
            name: pd.DataFrame(rows.get(name, []), columns=frame.columns).astype(frame.dtypes)
            for name, frame in empty.items()
        }
        path = tmp_path / "endpoints.yaml"
        path.write_text(HEAD + ("" if "endpoints:" in text else "endpoints: {}\n") + text)
        return tables, path

    return make
