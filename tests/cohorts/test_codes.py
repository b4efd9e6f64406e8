"""codes.csv: words and their Codings."""

from __future__ import annotations

import pytest

from fhir_blina.cohorts.codes import read_codes

SYSTEMS = {"sct": "http://snomed.info/sct", "own": "urn:own"}


@pytest.fixture
def read(tmp_path):
    def run(*lines, without=()):
        path = tmp_path / "codes.csv"
        path.write_text("\n".join(["map,value,system,code,display,note", *lines]) + "\n", "utf-8")
        findings = []
        codes = read_codes(path, SYSTEMS, frozenset(without), findings)
        return codes, [str(finding).replace(str(path), "codes.csv") for finding in findings]

    return run


def test_a_word_has_its_codings_in_file_order(read):
    codes, findings = read(
        "site,marrow,own,bm,,", "site,blood,own,pb,Blood,", "site,marrow,sct,14016003,Bone marrow,a note"
    )
    assert findings == []
    assert codes.codings("site", "marrow") == (
        {"system": "urn:own", "code": "bm"},
        {"system": "http://snomed.info/sct", "code": "14016003", "display": "Bone marrow"},
    )
    assert codes.lines[("site", "marrow")] == 2


def test_a_word_may_have_no_code_on_purpose(read):
    codes, findings = read("site,elsewhere,,,,not in any system")
    assert findings == []
    assert codes.codings("site", "elsewhere") == ()


def test_a_word_without_a_line_is_an_error_that_does_not_show_it(read):
    codes, _ = read("site,marrow,own,bm,,")
    with pytest.raises(KeyError) as error:
        codes.codings("site", "Wang Li")
    assert "Wang" not in str(error.value)
    assert 'code map "site" has no line for it' in str(error.value)


def test_an_unknown_map_names_the_nearest(read):
    codes, _ = read("site,marrow,own,bm,,")
    with pytest.raises(KeyError, match=r'no code map "sites" in codes\.csv\. Did you mean "site"'):
        codes.codings("sites", "marrow")


def test_the_codings_of_a_system_can_be_left_out(read):
    codes, findings = read(
        "site,marrow,sct,14016003,,", "site,marrow,own,bm,,", "site,blood,sct,87612001,,", without=["sct"]
    )
    assert findings == []
    assert codes.codings("site", "marrow") == ({"system": "urn:own", "code": "bm"},)
    assert codes.codings("site", "blood") == ()


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([",marrow,own,bm,,"], "codes.csv:2: error: map and value must be filled"),
        (["site,,own,bm,,"], "codes.csv:2: error: map and value must be filled"),
        (["site,marrow,own,,,"], "codes.csv:2: error: system without code, or code without system"),
        (["site,marrow,,bm,,"], "codes.csv:2: error: system without code, or code without system"),
        (
            ["site,marrow,owm,bm,,"],
            'codes.csv:2: error: system "owm" is not in the manifest. Did you mean "own"?',
        ),
        (["site,marrow,own,bm,,"] * 2, "codes.csv:3: error: the same code stands twice for this value"),
        (
            ["site,marrow,own,bm,,", "site,marrow,,,,"],
            "codes.csv:3: error: a value without code stands beside another line of its own",
        ),
        (
            ["site,marrow,,,,", "site,marrow,own,bm,,"],
            "codes.csv:3: error: a value without code stands beside another line of its own",
        ),
    ],
)
def test_a_faulty_line_is_named(lines, message, read):
    findings = read(*lines)[1]
    assert len(findings) == 1
    assert findings[0].startswith(message)


@pytest.mark.parametrize("second", ["site,marrow,sct,14016003,,", "site,marrow,,,,"])
def test_a_system_left_out_hides_no_fault(second, read):
    assert len(read("site,marrow,sct,14016003,,", second, without=["sct"])[1]) == 1
