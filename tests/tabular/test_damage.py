"""Cells that a spreadsheet has damaged are told by column and place, and sound ones are not."""

from __future__ import annotations

import pytest

from fhir_blina.tabular.damage import damage
from fhir_blina.tabular.dates import is_serial


def told(*cells, kind="string"):
    return [
        (finding.location, finding.severity)
        for finding in damage("c", kind, [(cell, f"a.csv:{line}") for line, cell in enumerate(cells, 2)])
    ]


@pytest.mark.parametrize(
    "cells",
    [
        ["A", "1.23457E+14"],
        ["MLL", "1-Mar"],
        ["SEPT9", "Sep-09"],
        ["x", "GrÃ¶ÃŸe"],
        ["x", "Gr\ufffd\ufffde"],
        ["0012", "13"] + ["0014"] * 8,
    ],
)
def test_a_damaged_cell_is_a_warning_at_its_place(cells):
    assert told(*cells) == [("a.csv:3", "warning")]


@pytest.mark.parametrize(
    "cells",
    [
        ["1", "2", "33"],
        ["0", "1", "10"],
        ["0012", "A13"],
        ["1e5", "E+14", "Mar", "1-2", "10-11"],
        ["Größe", "São Paulo", "Ångström", "¿Qué?"],
        ["12", "013", "0014", "5"],  # of no common width
    ],
)
def test_a_sound_cell_is_not(cells):
    assert told(*cells) == []


def test_only_texts_are_looked_at():
    assert told("1.23457E+14", kind="decimal") == []


@pytest.mark.parametrize(
    ("text", "serial"), [("43832", True), ("43832.5", True), ("1999", False), ("2020-01-02", False)]
)
def test_the_number_of_a_day(text, serial):
    assert is_serial(text) is serial
