"""Rules of data quality: what they find in the published cohort, and that they find nothing in a clean one."""

from __future__ import annotations

import re
import shutil
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest

from fhir_blina.analysis.analysis import analyze
from fhir_blina.analysis.quality.findings import KINDS, find, rule_book
from fhir_blina.analysis.quality.rules import read_rules
from fhir_blina.endpoints.reading import read_endpoints
from fhir_blina.errors import AnalysisError
from fhir_blina.results.claims import COLUMNS
from fhir_blina.results.records import Results
from fhir_blina.views.tables import read_tables

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT / "mappings/cohorts/cjcp2023"
SHARED = ROOT / "mappings/rules/findings.yaml"
NEEDS = {name: needed for name, (_, needed) in KINDS.items()}

# number in section 3 of the list of contradictions, rule, whom it concerns
FOUND_BY_RULE = [
    (1, "claim-disagrees", ""),
    (2, "claim-truncated", ""),
    (3, "intervals-do-not-add-up", "P3"),
    (4, "months-not-complete", "P4"),
    (5, "outcome-is-not-a-vital-status", "P5"),
    (6, "negative-then-positive", "P5"),
    (8, "summary-not-of-these-patients", "CRS of grade 1"),
    (8, "summary-not-of-these-patients", "CRS of grade 2"),
    (9, "expansion-below-one", "cjcp2023-group-t-cell-pair"),
    (10, "significance-depends-on-method", ""),
    (14, "height-implied-by-dose", "P6"),
    (14, "dose-high-for-size", "P6"),
    (15, "dose-not-in-protocol", "P4"),
    (15, "dose-without-time", "P1, P2, P3, P4, P5, P6"),
    (16, "step-not-as-protocol", "P6"),
    (16, "day-not-printed", "P1, P2, P3, P4, P5, P6"),
    (18, "relapse-without-blasts", "P3"),
    (18, "markers-discordant", "P3"),
    (19, "residual-above-morphology", "P1"),
    (20, "marrow-against-blood", "P1"),
    (20, "marrow-against-blood", "P2"),
    (20, "residual-without-morphology", "P6"),
    (20, "negative-without-limit", "P3, P4, P5"),
    (21, "not-applicable-as-negative", "P1"),
    (21, "not-applicable-as-negative", "P2"),
    (21, "not-applicable-as-negative", "P6"),
    (22, "many-lines-at-first-relapse", "P2"),
    (23, "chimerism-before-engraftment", "P5"),
    (23, "identical-course", "P4, P5"),
    (24, "cause-of-death-missing", "P2"),
    (25, "condition-tagged", "P3"),
    (25, "deletion-among-mutations", "P5"),
    (30, "transplanted-with-disease", "P1"),
    (0, "groups-confounded", "P1, P2, P6"),
]
NOTED = {7, 11, 12, 13, 22, 26, 27, 28, 29, 30, 31}


@pytest.fixture
def published(published_results):
    return published_results


def test_the_contradictions_of_the_paper_are_found_by_rule(published):
    found = [
        (finding.rule, finding.subject)
        for finding in published.findings
        if finding.kind not in ("note", "derivation")
    ]
    expected = {(rule, subject) for _, rule, subject in FOUND_BY_RULE}
    assert set(found) == expected
    assert len({number for number, _, _ in FOUND_BY_RULE if number}) >= 18
    assert found.count(("claim-truncated", "")) == 2


def test_the_paper_s_bounds_are_all_that_the_derivation_has_to_remark(published):
    found = [(one.rule, one.subject) for one in published.findings if one.kind == "derivation"]
    assert found == [("bounds-recorded", "P2, P4, P5")]  # < 150, > 480, > 480 T cells


def test_what_only_the_prose_shows_is_a_note_and_marked_as_one(published):
    notes = [finding for finding in published.findings if finding.kind == "note"]
    assert len(notes) == len(NOTED)
    assert all(note.where for note in notes)


def test_every_finding_by_rule_has_evidence_that_exists(published, published_run):
    ids = {
        f"{path.stem}/{line.split(chr(34) + 'id' + chr(34) + ':' + chr(34), 1)[1].split(chr(34), 1)[0]}"
        for path in (published_run / "fhir").glob("*.ndjson")
        for line in path.read_text().splitlines()
    }
    claims = {claim.claim for claim in published.claims}
    names = {record.name for record in published}
    for finding in published.findings:
        assert finding.evidence or finding.kind in ("note", "derivation"), finding.rule
        for item in finding.evidence:
            kind, _, name = item.partition(":")
            assert (
                item in ids or (kind == "claim" and name in claims) or (kind == "record" and name in names)
            ), item


def test_no_shared_rule_names_the_cohort():
    text = SHARED.read_text().lower()
    for word in ("blina", "cjcp", "cd19", "p1", "p3", "paper"):
        assert not re.search(rf"\b{word}\b", text.replace("fhir-blina.example", "")), word


# A clean cohort: eight patients whose data and printed numbers agree

X = "https://fhir-blina.example/CodeSystem/"
LOINC, SNOMED = "http://loinc.org", "http://snomed.info/sct"
#        sex     age  m2      blasts MRD    response dose steps                                         last relapse death
PEOPLE = {
    "C1": (
        "male",
        6,
        "0.80",
        "60",
        "25",
        "cr",
        [(1, 7, 5, "ug/m2/d"), (8, 28, 15, "ug/m2/d")],
        300,
        None,
        None,
    ),
    "C2": ("female", 7, "0.85", "30", "10", "cr", [(1, 28, 15, "ug/m2/d")], 280, 150, None),
    "C3": ("male", 14, "1.50", "80", "40", "nr", [(1, 7, 9, "ug/d"), (8, 28, 28, "ug/d")], 90, None, 90),
    "C4": ("female", 15, "1.60", "20", "8", "nr", [(1, 14, 28, "ug/d")], 60, None, 60),
    "C5": ("male", 8, "0.95", "15", "6", "cr", [(1, 28, 15, "ug/m2/d")], 250, None, None),
    "C6": ("female", 5, "0.72", "12", "5", "cr", [(1, 14, 15, "ug/m2/d")], 240, None, None),
    "C7": ("male", 12, "1.30", "9", "4", "nr", [(1, 28, 28, "ug/d")], 120, None, None),
    "C8": ("female", 13, "1.42", "90", "70", "cr", [(1, 7, 9, "ug/d"), (8, 28, 28, "ug/d")], 200, None, None),
}
TRANSPLANTED = {"C1": (40, 15, 30, 40), "C2": (45, 18, 33, 35), "C5": (50, 20, 36, 30)}


def clean_tables(folder):
    folder.mkdir()
    tables = read_tables(folder)
    rows = {name: [] for name in tables}

    def observe(who, code, system=X + "observable", **cells):
        key = f"{who}-{code}-{cells.get('timepoint', '')}-{len(rows['observations'])}"
        subject = {"group_id": who} if who.startswith("g-") else {"patient_id": who}
        base = {"observation_id": key, **subject, "code_system": system, "code": code, "status": "final"}
        parts = cells.pop("parts", [])
        rows["observations"].append({**base, "derived": False, **cells})
        for part in parts:
            rows["components"].append({**base, **part})

    for who, (sex, age, area, blasts, residual, response, steps, last, relapse, death) in PEOPLE.items():
        died = death is not None
        rows["patients"].append(
            {
                "patient_id": who,
                "study_subject": who,
                "gender": sex,
                "deceased": died,
                "deceased_study_day": death,
            }
        )
        rows["study_subjects"].append({"research_subject_id": who, "patient_id": who, "start_study_day": 0})
        before = {"timepoint": "pre-treatment", "study_day": 0}
        for code, system, value, unit in (
            ("30525-0", LOINC, age, "a"), ("8277-6", LOINC, area, "m2"), ("11150-0", LOINC, blasts, "%"),
            ("mrd-flow-percent", X + "observable", residual, "%"),
        ):  # fmt: skip
            observe(who, code, system, value_quantity=Decimal(str(value)), value_unit=unit, **before)
        observe(who, "disease-status-at-enrolment", value_code="first-relapse", study_day=0)
        observe(who, "best-overall-response", value_code=response, study_day=29, timepoint="post-treatment")
        observe(who, "crs-ctcae5-grade", value_integer=age % 3)
        observe(who, "outcome-printed", value_code="died" if died else "alive")
        if died:
            observe(who, "cause-of-death", value_code="277571004")
        reason = [] if died else [{"component_code": "censor-reason", "value_code": "alive-at-last-contact"}]
        parts = [{"component_code": "os-event", "value_boolean": died}, *reason]
        observe(who, "os-time", value_quantity=Decimal(last), value_unit="d", study_day=last, parts=parts)
        after = {"timepoint": "post-treatment", "study_day": 29}
        residual_after = Decimal("0.005") if response == "cr" else Decimal(residual)
        observe(who, "mrd-flow-percent", value_quantity=residual_after, value_unit="%", **after)
        observe(
            who,
            "11150-0",
            LOINC,
            value_quantity=Decimal(0 if response == "cr" else blasts),
            value_unit="%",
            **after,
        )
        transcript = Decimal(0) if response == "cr" else Decimal("3.5")
        observe(who, "fusion-transcript-percent", value_quantity=transcript, value_unit="%", **after)
        for first, end, rate, unit in steps:
            done = "stopped" if end == steps[-1][1] and end < 28 else "completed"
            key = f"{who}-{first}"
            rows["administrations"].append(
                {"administration_id": key, "patient_id": who, "status": done, "start_study_day": first,
                 "end_study_day": end, "rate_value": Decimal(rate), "rate_unit": unit, "dosage_text": f"{rate} {unit}"}
            )  # fmt: skip
        if who in TRANSPLANTED:
            interval, neutrophils, platelets, chimerism = TRANSPLANTED[who]
            day = steps[-1][1] + interval
            rows["procedures"].append(
                {
                    "procedure_id": who,
                    "patient_id": who,
                    "code_system": SNOMED,
                    "code": "234336002",
                    "performed_study_day": day,
                }
            )
            observe(who, "interval-treatment-end-to-hsct", value_quantity=Decimal(interval), value_unit="d")
            observe(
                who,
                "neutrophil-engraftment-day",
                value_quantity=Decimal(neutrophils),
                study_day=day + neutrophils,
            )
            observe(
                who, "platelet-engraftment-day", value_quantity=Decimal(platelets), study_day=day + platelets
            )
            part = [{"component_code": "day-after-hsct", "value_quantity": Decimal(chimerism)}]
            full = Decimal(100)
            observe(
                who,
                "donor-chimerism-percent",
                value_quantity=full,
                value_unit="%",
                study_day=day + chimerism,
                parts=part,
            )
            if relapse is not None:
                observe(
                    who, "relapse-after-hsct-day", value_quantity=Decimal(relapse - day), study_day=relapse
                )
    for group, members, code, values in (
        ("g-two", ["C1", "C2"], "il6-fold-change", ("2", "5", "8")),
        ("g-three", ["C3", "C4", "C5"], "tcell-fold-change", ("1.2", "1.9", "2.5")),
    ):
        parts = [
            {"component_code": name, "value_quantity": Decimal(value)}
            for name, value in zip(("minimum", "median", "maximum"), values, strict=True)
        ]
        observe(group, code, parts=parts)
        rows["group_members"] += [
            {"group_id": group, "group_name": group, "member_id": member} for member in members
        ]
    return {
        name: pd.DataFrame(rows[name], columns=frame.columns).astype(frame.dtypes)
        for name, frame in tables.items()
    }


CLEAN_CLAIMS = (
    ("n", "8", "1", "subjects.count", "value"),
    ("age", "10.0", "a", "age.median", "value"),
    ("responders", "5", "1", "remission.proportion", "events"),
    ("share", "62.5", "%", "remission.proportion", "value"),
)


@pytest.fixture(scope="module")
def made_clean(tmp_path_factory):
    """Tables of the clean cohort, its folder, and its results."""
    cohort = tmp_path_factory.mktemp("clean") / "cohort"
    cohort.mkdir()
    (cohort / "endpoints.yaml").write_text((PUBLISHED / "endpoints.yaml").read_text())
    rules = (PUBLISHED / "findings.yaml").read_text().split("\nnotes:")[0] + "\n"
    (cohort / "findings.yaml").write_text(rules)
    lines = [",".join(COLUMNS)]
    for claim, printed, unit, record, field in CLEAN_CLAIMS:
        lines.append(
            f"{claim},Patients in remission,result,{printed},{unit},1,printed,main,{record},,,,{field},,"
        )
    (cohort / "claims.csv").write_text("\n".join(lines) + "\n")
    tables = clean_tables(cohort.parent / "empty")
    return tables, cohort, analyze(tables, cohort)


@pytest.fixture
def clean(tmp_path, made_clean):
    """Tables and folder of the clean cohort, free to be changed."""
    tables, cohort, _ = made_clean
    copied = {name: frame.copy() for name, frame in tables.items()}
    return copied, Path(shutil.copytree(cohort, tmp_path / "cohort"))


def test_no_false_finding_in_a_clean_cohort(made_clean):
    results = made_clean[2]
    assert [one.rule for one in results.findings if one.kind != "derivation"] == []
    assert [claim.agreement for claim in results.claims] == ["agrees"] * 4


def put(frame, column, value, **where):
    rows = pd.Series(data=True, index=frame.index)
    for name, wanted in where.items():
        rows &= (frame[name] == wanted).fillna(False)
    assert rows.any()
    for index in frame.index[rows]:
        frame.loc[index, column] = value


PLANTED = [
    ("intervals-do-not-add-up", "observations", "value_quantity", Decimal(80), {"code": "relapse-after-hsct-day"}),
    ("outcome-is-not-a-vital-status", "observations", "value_code", "relapsed", {"code": "outcome-printed", "patient_id": "C1"}),
    ("percentage-outside-range", "observations", "value_quantity", Decimal(101), {"code": "donor-chimerism-percent", "patient_id": "C1"}),
    ("relapse-without-blasts", "observations", "value_quantity", Decimal(4), {"code": "11150-0", "patient_id": "C7", "timepoint": "pre-treatment"}),
    ("residual-above-morphology", "observations", "value_quantity", Decimal("8.9"), {"code": "11150-0", "patient_id": "C7", "timepoint": "pre-treatment"}),
    ("summary-not-of-these-patients", "components", "value_quantity", Decimal(6), {"code": "il6-fold-change", "component_code": "median"}),
    ("expansion-below-one", "components", "value_quantity", Decimal("0.9"), {"code": "tcell-fold-change", "component_code": "minimum"}),
    ("chimerism-before-engraftment", "components", "value_quantity", Decimal(14), {"component_code": "day-after-hsct", "patient_id": "C1"}),
    ("dose-not-in-protocol", "administrations", "rate_value", Decimal(14), {"patient_id": "C5"}),
    ("dose-high-for-size", "administrations", "rate_unit", "ug/d", {"patient_id": "C1"}),
    ("step-not-as-protocol", "administrations", "start_study_day", 9, {"administration_id": "C1-8"}),
    ("dose-without-time", "administrations", "dosage_text", "15 μg/m2", {"patient_id": "C5"}),
    ("height-implied-by-dose", "observations", "value_quantity", Decimal("0.9"), {"code": "8277-6", "patient_id": "C3"}),
    ("cause-of-death-missing", "observations", "data_absent_reason", "unknown", {"code": "cause-of-death", "patient_id": "C3"}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "table", "column", "value", "where"), PLANTED, ids=[row[0] for row in PLANTED]
)
def test_a_planted_fault_is_found(clean, made_clean, rule, table, column, value, where):
    tables, cohort = clean
    if rule == "residual-above-morphology":
        put(
            tables["observations"],
            "value_quantity",
            Decimal(9),
            code="mrd-flow-percent",
            patient_id="C7",
            timepoint="pre-treatment",
        )
    if rule == "dose-high-for-size":
        put(tables["administrations"], "rate_value", Decimal(28), patient_id="C1", administration_id="C1-8")
        put(tables["administrations"], "rate_value", Decimal(9), patient_id="C1", administration_id="C1-1")
    if rule == "step-not-as-protocol":
        put(tables["administrations"], "end_study_day", 8, administration_id="C1-1")
    put(tables[table], column, value, **where)
    found = find(tables, read_endpoints(cohort), made_clean[2], rule_book(cohort))
    assert rule in {finding.rule for finding in found}


def test_a_wrong_claim_is_found(clean):
    tables, cohort = clean
    path = cohort / "claims.csv"
    path.write_text(
        path.read_text().replace(
            "responders,Patients in remission,result,5", "responders,Patients in remission,result,6"
        )
    )
    (finding,) = (one for one in analyze(tables, cohort).findings if one.kind != "derivation")
    assert (finding.rule, finding.severity) == ("claim-disagrees", "error")
    assert finding.evidence == ("claim:responders", "record:remission.proportion")
    assert "Patients in remission: 6" in finding.printed


def test_rules_on_tables_that_are_not_there_are_left_out(clean):
    tables, cohort = clean
    few = {name: tables[name] for name in ("patients", "observations", "administrations")}
    definitions = read_endpoints(cohort)
    assert find(few, definitions, Results(), rule_book(cohort)) == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("kind: claim-differs", "kind: claim-difers", 'Did you mean "claim-differs"?'),
        ("with: {agreement: disagrees}", "with: {}", 'lacks the setting "agreement"'),
        ("severity: error", "severity: bad", "severity"),
        ("rules:", "rule:", 'unknown key "rule"'),
    ],
)
def test_a_faulty_rule_is_refused_with_file_and_line(tmp_path, old, new, message):
    path = tmp_path / "findings.yaml"
    path.write_text(SHARED.read_text().replace(old, new, 1))
    with pytest.raises(AnalysisError) as caught:
        read_rules(path, NEEDS)
    assert message in str(caught.value)
    assert f"{path}:" in str(caught.value)


def test_a_rule_that_names_what_nothing_defines_is_refused(clean):
    tables, cohort = clean
    path = cohort / "findings.yaml"
    path.write_text(path.read_text().replace("no_remission, mrd_20", "no_remision, mrd_20"))
    with pytest.raises(AnalysisError, match='Did you mean "no_remission"'):
        analyze(tables, cohort)


def test_a_text_that_names_an_unknown_word_is_refused(clean):
    tables, cohort = clean
    path = cohort / "findings.yaml"
    path.write_text(path.read_text().replace("{count} of {of} doses", "{counts} of {of} doses"))
    put(tables["administrations"], "dosage_text", "15", patient_id="C5")
    with pytest.raises(AnalysisError, match="counts"):
        analyze(tables, cohort)


def test_every_kind_of_rule_is_used_and_documented():
    text = (ROOT / "docs/statistics.md").read_text()
    assert {rule.kind for rule in rule_book(PUBLISHED).rules} == set(KINDS)
    assert all(f"`{kind}`" in text for kind in KINDS)


def test_a_contradiction_is_an_error_and_an_error_is_a_contradiction(published_results):
    grades = {(found.severity, found.grade) for found in published_results.findings}
    assert {grade for severity, grade in grades if severity == "error"} == {"contradiction"}
    assert {severity for severity, grade in grades if grade == "contradiction"} == {"error"}


def test_only_statements_that_exclude_each_other_are_contradictions(published_results):
    """Two counts, two sums, two summaries, a fall among rises, one name of two trials; the rest is graded."""
    found = {one.rule: one.grade for one in published_results.findings}
    assert {rule for rule, grade in found.items() if grade == "contradiction"} == {
        "claim-disagrees",
        "intervals-do-not-add-up",
        "summary-not-of-these-patients",
        "expansion-below-one",
        "trial-named-twice",
    }
    assert found["significance-depends-on-method"] == "depends on method"
    assert found["height-implied-by-dose"] == found["dose-high-for-size"] == "implausible"
    assert found["groups-confounded"] == "unclear"
