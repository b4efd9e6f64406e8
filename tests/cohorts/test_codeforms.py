"""Check digits and the grammar of units: codes from the published terminologies, and the same with one slip."""

from __future__ import annotations

import pytest
from ucumvert import get_ucum_parser

from fhir_blina.cohorts.codeforms import (
    EVERYDAY_UNITS,
    LOINC,
    SNOMED,
    UCUM,
    fault_of_code,
    fault_of_unit,
)

# Printed in the terminologies' own documents: LOINC's guide, SNOMED CT's editorial guide, UCUM's tables.
CODES = {
    LOINC: ["718-7", "2345-7", "8867-4", "10834-0", "85354-9", "LA6576-8", "LP14559-6"],
    SNOMED: ["22298006", "138875005", "73211009", "404684003", "900000000000207008", "38341003"],
    UCUM: [
        "mg/dL",
        "10*9/L",
        "{score}",
        "%",
        "mm[Hg]",
        "[IU]/mL",
        "kcal",
        "ug/m2/d",
        "1",
        "mL/min/{1.73_m2}",
    ],
}


@pytest.mark.parametrize(("system", "code"), [(system, code) for system in CODES for code in CODES[system]])
def test_a_code_of_its_system_is_right(system, code):
    assert fault_of_code(system, code) == ""


def slips():
    for system in (LOINC, SNOMED):
        for code in [one for one in CODES[system] if one[0].isdigit()]:
            for place, digit in enumerate(code):
                if digit.isdigit():
                    yield system, f"{code[:place]}{(int(digit) + 1) % 10}{code[place + 1 :]}"
            for place in range(len(code) - 1):
                one, other = code[place : place + 2]
                if one != other and (one + other).isdigit() and {one, other} != {"0", "9"}:
                    yield system, code[:place] + other + one + code[place + 2 :]


def test_every_wrong_digit_and_every_swap_is_found():
    found = [(system, code) for system, code in slips() if not fault_of_code(system, code)]
    assert found == []
    assert len(list(slips())) > 100


@pytest.mark.parametrize("code", ["kkkcal", "foo bar", "mg/dl/", "", "Kcal"])
def test_what_is_no_unit_is_told(code):
    assert fault_of_unit(code) == f'"{code}" is no unit of UCUM'


@pytest.mark.parametrize(
    ("system", "code"), [(LOINC, "abc"), (LOINC, "718"), (SNOMED, "12345"), (SNOMED, "X-1")]
)
def test_what_has_not_the_form_is_told(system, code):
    assert "has not the form of" in fault_of_code(system, code)


def test_other_systems_are_left_alone():
    assert fault_of_code("http://example.org", "718-8") == ""
    assert fault_of_code(SNOMED, "22298006 |Myocardial infarction|") == ""


def test_everyday_units_are_units():
    parser = get_ucum_parser()
    for unit in EVERYDAY_UNITS:
        assert parser.parse(unit), unit
