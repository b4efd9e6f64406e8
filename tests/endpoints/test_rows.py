"""Which resources a table is of, and where its further codings stand, told by names."""

from __future__ import annotations

import pytest

from fhir_blina.endpoints.rows import THINGS, type_behind
from fhir_blina.views.loading import load_views
from fhir_blina.views.tables import views_folder

VIEWS = load_views(views_folder())
OF_PARTS = ("_codes", "_codings", "_tags", "_members", "_dosages", "_items", "_totals", "_results", "_stages")
MAIN = {
    name: view
    for name, view in VIEWS.items()
    if view.one_row_each and not name.endswith(OF_PARTS) and name != "group_members"
}


@pytest.mark.parametrize("name", MAIN)
def test_a_table_tells_the_type_and_the_key_of_its_resources(name):
    assert type_behind(name) == (MAIN[name].resource, MAIN[name].columns[0].name)


@pytest.mark.parametrize("name", [name for name in VIEWS if name.endswith("_codings")])
def test_each_table_of_codings_belongs_to_a_table_with_its_key(name):
    columns = [column.name for column in VIEWS[name].columns]
    thing = name.removesuffix("_codings").removesuffix("_medication").removesuffix("_value")
    (table,) = [one for one in MAIN if (THINGS.get(one) or one.removesuffix("s")) == thing]
    assert columns[0] == type_behind(table)[1]
    assert {"system", "code"} <= set(columns)
