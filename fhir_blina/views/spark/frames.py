"""Views over the lines of a Spark DataFrame, wherever they come from, as Spark DataFrames."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fhir_blina.errors import ViewError, did_you_mean
from fhir_blina.views.definition import View
from fhir_blina.views.loading import load_view
from fhir_blina.views.spark.parts import RowsOfLines, schema_of
from fhir_blina.views.tables import chosen_views


def view_frame(lines: Any, view: View | Path | str) -> Any:
    """The table of a view, on the cluster where the resources are.

    ::

        lines = spark.read.text("s3a://bucket/Observation.*.ndjson")
        observations = view_frame(lines, "observations")

    Each worker needs ``fhir-blina`` installed. Rows have no order. A decimal is ``decimal(38, 12)``, a date
    and a time text, as in FHIR.

    Args:
        lines: A Spark DataFrame with a text column ``value``: one resource a row, all of the view's type.
        view: The name of a shared view, the file of a ViewDefinition, or a view.

    Returns:
        A Spark DataFrame; it is worked out when Spark is asked for it. A line that is no resource of the
        type, or that the view cannot read, ends the job with an error that says what is wrong.

    Raises:
        ViewError: no such view, or a wrong one.
    """
    if isinstance(view, str):
        known = chosen_views()
        if view not in known:
            raise ViewError(f'no view "{view}". {did_you_mean(view, known)}')
        view = known[view]
    elif isinstance(view, Path):
        view = load_view(view)
    from pyspark.sql.pandas.types import from_arrow_schema

    return lines.select("value").mapInArrow(RowsOfLines(view), from_arrow_schema(schema_of(view)))
