"""Any damage to a cohort folder is a finding, or harmless; never another exception, never a cell in a message."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_blina.errors import CohortError, Finding
from fhir_blina.mapping.check import check_cohort

TINY = Path(__file__).parent / "cohorts" / "tiny"
FILES = sorted(str(path.relative_to(TINY)) for path in TINY.rglob("*") if path.is_file())
BITS = [
    b"",
    b"\x00",
    b"\xff",
    b"\r\n",
    b"\n",
    b",",
    b'"',
    b"'",
    b"{",
    b"}",
    b"{{",
    b"}}",
    b"[",
    b"]",
    b":",
    b"- ",
    b"&a ",
    b"*a",
]
BITS += [
    b"{{ day }}",
    b"{{ %row.day }}",
    b"studyDate()",
    b".translate('gender')",
    b"embed: {table: labs}",
    b"where: day",
    b"1e9",
    b"|",
]
BITS += [
    b"9" * 50,
    b"  ",
    b"#",
    b"null",
    b"true",
    b"---\n",
    b"\xc2\xa0",
    b"!!str ",
    b"? ",
    b"%",
    b"(",
    b")",
    b" | ",
    b"-0",
    b"NA",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A copy of the small cohort that each example damages and mends."""
    return Path(shutil.copytree(TINY, tmp_path_factory.mktemp("any") / "tiny"))


def damaged_check(folder, file, content):
    """What ``check`` finds with other bytes in one file."""
    path = folder / file
    before = path.read_bytes()
    path.write_bytes(content)
    try:
        found = check_cohort(folder)
    except CohortError as error:
        found = list(error.findings)
    finally:
        path.write_bytes(before)
    assert all(isinstance(one, Finding) for one in found)
    assert all(one.location for one in found)
    return found


@given(st.sampled_from(FILES), st.floats(0, 1), st.integers(0, 30), st.sampled_from(BITS))
def test_a_piece_replaced_is_a_finding_or_harmless(folder, file, place, length, bit):
    data = (TINY / file).read_bytes()
    start = int(place * len(data))
    damaged_check(folder, file, data[:start] + bit + data[start + length :])


@given(st.sampled_from(FILES), st.binary(max_size=200))
def test_garbage_is_a_finding(folder, file, content):
    assert damaged_check(folder, file, content)


VALUES = st.recursive(
    st.one_of(
        st.sampled_from(
            ["{{ day }}", "{{ level }}", "x {{ patient_id }}", "{{ %cohort }}", "{{ day.studyDate() }}"]
        ),
        st.sampled_from(
            ["{{ level_status.translate('status') }}", "{{ day | day }}", "{{ {} }}", "labs", ""]
        ),
        st.none(),
        st.booleans(),
        st.integers(-5, 5),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(
                ["id", "a", "_a", "embed", "table", "on", "where", "resourceType", "meta", "reference"]
            ),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=12,
)


def as_yaml(value):
    """JSON is YAML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {as_yaml(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(as_yaml, value)) + "]"
    if isinstance(value, str):
        return f'"{value}"'
    return "null" if value is None else str(value).lower()


@given(VALUES, VALUES)
def test_any_template_is_filled_or_refused(folder, one, other):
    text = (
        "table: labs\nresource:\n  resourceType: Observation\n"
        '  id: "{{ %cohort }}-{{ patient_id }}-blasts-{{ day }}"\n'
        f"  status: {as_yaml(one)}\n  meta: {as_yaml(other)}\n"
    )
    damaged_check(folder, "resources/labs.yaml", text.encode())
    damaged_check(folder, "resources/labs.yaml", f"table: labs\nresource: {as_yaml(one)}\n".encode())
    damaged_check(
        folder, "cohort.yaml", (TINY / "cohort.yaml").read_bytes() + f"profiles: {as_yaml(other)}\n".encode()
    )
