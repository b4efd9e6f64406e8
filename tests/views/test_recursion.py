"""A ``repeat`` that never ends is refused before it begins."""

from __future__ import annotations

import pytest

from fhir_blina.errors import ViewError
from fhir_blina.fhirpath import compile_expression
from fhir_blina.r4 import R4
from fhir_blina.views.reader import read_view
from fhir_blina.views.recursion import descends


@pytest.mark.parametrize(
    "path",
    [
        "item",
        "item.where(linkId = '1')",
        "answer.item",
        "item | answer.item",
        "$this.item",
        "where(linkId.exists()).item",
        "item[0]",
        "item.union(answer.item)",
        "extension('urn:x')",
        "contains.first().contains",
    ],
)
def test_what_goes_down_is_taken(path):
    assert descends(compile_expression(path, R4).tree)


@pytest.mark.parametrize(
    "path",
    [
        "$this",
        "where(true)",
        "$this.first()",
        "item | $this",
        "iif(item.exists(), item, $this)",
        "%resource.item",
        "%resource",
        "item.union($this)",
        "first()",
        "'x'",
    ],
)
def test_what_can_come_back_is_refused_with_its_place(path):
    assert not descends(compile_expression(path, R4, constants=None).tree)
    view = {
        "resourceType": "ViewDefinition",
        "name": "endless",
        "status": "draft",
        "resource": "QuestionnaireResponse",
        "select": [{"repeat": [path], "column": [{"name": "id", "path": "linkId"}]}],
    }
    with pytest.raises(ViewError, match=r"never ends .*select\[0\]\.repeat\[0\]"):
        read_view(view)
