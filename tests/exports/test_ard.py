"""The ARD against the columns that cards documents, and against numbers of the paper and of R."""

from __future__ import annotations

import shutil
import subprocess
from collections import Counter
from dataclasses import fields, replace
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest

from fhir_blina.analysis.analysis import analyze
from fhir_blina.endpoints.facts import Facts
from fhir_blina.endpoints.reading import read_endpoints
from fhir_blina.exports.ard import Statistic, ard, row_key
from fhir_blina.exports.writing import write_exports
from fhir_blina.results.numbers import exact
from fhir_blina.results.records import Record, Results
from tests.analysis.test_responses import results as response_results
from tests.analysis.test_responses import tables as response_tables
from tests.analysis.test_subgroups import lung_tables
from tests.analysis.test_subgroups import results as subgroup_results

PUBLISHED = Path(__file__).parents[2] / "mappings/cohorts/cjcp2023"


@pytest.fixture(scope="session")
def published_facts(published_tables):
    return Facts(published_tables, read_endpoints(PUBLISHED))


@pytest.fixture(scope="session")
def rows(published_results, published_facts):
    return ard(published_results, published_facts)


def find(rows, **wanted):
    return [row for row in rows if all(getattr(row, name) == value for name, value in wanted.items())]


def value(rows, **wanted):
    (row,) = find(rows, **wanted)
    return row.stat if row.stat is not None else row.stat_text


def test_the_columns_are_those_of_cards_in_its_order():
    # cards::tidy_ard_column_order(): groups, variable, then these
    names = [item.name for item in fields(Statistic)]
    assert names[: names.index("error") + 1] == [
        "group1", "group1_level", "group2", "group2_level", "variable", "variable_level",
        "context", "stat_name", "stat_label", "stat", "fmt_fun", "warning", "error",
    ]  # fmt: skip


def test_each_statistic_stands_once(rows):
    twice = [key for key, count in Counter(map(row_key, rows)).items() if count > 1]
    assert twice == []


def test_survival_is_that_of_the_paper_and_its_interval_that_of_r(rows):
    # paper 2.4: 41.7 % at day 126; R: survfit(conf.type = "log-log") 0.0560 to 0.7665, 3 deaths of 6
    at = {"variable": "overall_survival", "variable_level": "126", "group1": ""}
    found = {row.stat_name: row for row in find(rows, **at, context="survival, log-log")}
    assert round(found["estimate"].stat, 3) == Decimal("0.417")
    assert (round(found["conf.low"].stat, 4), round(found["conf.high"].stat, 4)) == (
        Decimal("0.0560"),
        Decimal("0.7665"),
    )
    assert (found["N"].stat, found["n.event"].stat, found["conf.level"].stat) == (6, 3, Decimal("0.95"))
    assert found["conf.method"].stat_text == "log-log"
    assert found["method"].stat_text == "Kaplan-Meier, Greenwood variance"


def test_a_group_has_its_name_and_its_level(rows):
    # MRD before treatment: 5.79 % of those in remission, 66.37 % of the others, 15.505 % of all (paper: 15.50)
    medians = find(rows, variable="mrd_before", stat_name="median", context="summary")
    assert {(row.group1, row.group1_level): row.stat for row in medians} == {
        ("", ""): Decimal("15.505"),
        ("response", "CR"): Decimal("5.79"),
        ("response", "NR"): Decimal("66.37"),
    }
    assert value(rows, variable="response", variable_level="CR", stat_name="n") == 3


def test_a_test_has_statistic_p_and_method(rows):
    # R: survdiff chisq 3.57, p = 0.0588
    found = {row.stat_name: row for row in find(rows, variable="overall_survival", context="log_rank")}
    assert {row.group1 for row in found.values()} == {"response"}
    assert round(found["statistic"].stat, 2) == Decimal("3.57")
    assert round(found["p.value"].stat, 4) == Decimal("0.0588")
    assert found["p.value.method"].stat_text == "log-rank, 1 degree of freedom"


def test_a_proportion_is_counted_once_and_has_an_interval_by_each_method(rows):
    # 3 of 6; R: binom.test(3, 6) 0.1181 to 0.8819
    counted = find(rows, variable="remission", variable_level="TRUE", context="tabulate_value")
    assert {row.stat_name: row.stat for row in counted} == {"n": 3, "N": 6, "p": Decimal("0.5")}
    low = value(rows, variable="remission", context="proportion, Clopper-Pearson", stat_name="conf.low")
    high = value(rows, variable="remission", context="proportion, Clopper-Pearson", stat_name="conf.high")
    assert (round(low, 4), round(high, 4)) == (Decimal("0.1181"), Decimal("0.8819"))


def test_a_proportion_is_counted_by_group(rows):
    # relapsed: five of six, all three of those in remission (table 1 of the paper)
    counted = [
        row
        for row in find(rows, variable="relapsed", context="tabulate_value")
        if row.group1 in ("", "response")
    ]
    assert {(row.group1_level, row.stat_name): row.stat for row in counted if row.stat_name != "p"} == {
        ("", "n"): 5, ("", "N"): 6, ("CR", "n"): 3, ("CR", "N"): 3, ("NR", "n"): 2, ("NR", "N"): 3,
    }  # fmt: skip


def test_no_number_of_the_results_is_missing(rows, published_results):
    held = {(row.record, row.group, str(row.stat)) for row in rows}
    for record in published_results:
        given = (record.value, record.ci_low, record.ci_high, record.n, record.p_value)
        for number in given:
            if number is not None:
                assert (record.name, record.group, str(exact(number))) in held or shared(record, rows, number)


def shared(record, rows, number):
    """N of a median stands with its minimum, counts of a proportion with its first interval."""
    variable = record.name.split(".")[0]
    return any(
        row.variable == variable and row.group == record.group and row.stat == exact(number) for row in rows
    )


def test_what_cannot_be_estimated_has_the_reason_in_its_row(published_facts):
    record = Record("overall_survival.hazard", note="there is no event", n=6)
    (row,) = (one for one in ard(Results((record,)), published_facts) if one.stat_name == "estimate")
    assert (row.stat, row.stat_text, row.error) == (None, "", "there is no event")


def test_an_interval_that_does_not_end_says_so(rows):
    (row,) = find(rows, variable="overall_survival", group1="", context="median, log", stat_name="conf.high")
    assert (row.stat, row.error) == (None, "not reached")


def test_two_numbers_for_one_place_are_both_kept(published_facts):
    one = Record("age.median", value=3, n=6, method="m")
    both = ard(Results((one, replace(one, value=4))), published_facts)
    assert [row.stat for row in both if row.stat_name == "median"] == [3, 4]


COMPETING = """
subjects: {table: people, key: patient_id, label: study_subject}
sets:
  old: {table: people, where: {old: true}}
  young: {none_of: [old]}
groups:
  age: {sets: {old: old, young: young}}
times:
  begin: {table: people, day: begin}
  relapse: {table: people, day: relapse}
  death: {table: people, day: death}
  seen: {table: people, day: seen}
endpoints:
  relapsed:
    title: relapse, death competes
    start: begin
    events: [relapse]
    competing: [death]
    censor: seen
    compare: [age]
    survival_at_days: [20]
"""


def test_an_incidence_has_its_group_and_its_event(tmp_path):
    path = tmp_path / "endpoints.yaml"
    path.write_text(COMPETING)
    days = [
        (0, 10, None, 10, True),
        (0, None, 15, 15, True),
        (0, 12, None, 12, False),
        (0, None, None, 30, False),
    ]
    frame = pd.DataFrame(days, columns=["begin", "relapse", "death", "seen", "old"], dtype=object)
    frame.insert(0, "patient_id", list("abcd"))
    frame.insert(1, "study_subject", list("ABCD"))
    facts = Facts({"people": frame}, read_endpoints(path))
    found = [
        row
        for row in ard(analyze(facts.tables, facts.endpoints), facts)
        if row.context.startswith("cumulative_incidence") and row.stat_name == "estimate"
        if row.variable_level == "20"
    ]
    # one of two relapses in each group; one of the two old dies; of all two of four relapse, one dies
    assert {(row.group1, row.group1_level, row.group2, row.group2_level): row.stat for row in found} == {
        ("event", "relapse", "", ""): Decimal("0.5"),
        ("event", "death", "", ""): Decimal("0.25"),
        ("age", "old", "event", "relapse"): Decimal("0.5"),
        ("age", "old", "event", "death"): Decimal("0.5"),
        ("age", "young", "event", "relapse"): Decimal("0.5"),
        ("age", "young", "event", "death"): 0,
    }


def of_other(folder, analyzed, tables):
    """The ARD of results that tests of the analysis made in a folder."""
    return ard(analyzed, Facts(tables, read_endpoints(folder / "endpoints.yaml")))


def test_a_subgroup_stands_with_the_group_compared(tmp_path):
    found = of_other(tmp_path, subgroup_results(tmp_path), lung_tables())
    names = {"group1": "sex", "group1_level": "", "group2": "performance", "group2_level": "good"}
    # R: coxph of sex in those with ECOG 0
    ratio = value(found, **names, context="subgroup_performance_hazard_ratio, Wald", stat_name="estimate")
    assert float(ratio) == pytest.approx(0.540610471674)
    twice = [key for key, count in Counter(map(row_key, found)).items() if count > 1]
    assert twice == []


def test_a_category_of_a_response_is_its_group(tmp_path):
    found = of_other(tmp_path, response_results(tmp_path), response_tables())
    context = "best_response, Clopper-Pearson"
    names = {"variable": "objective", "context": context, "stat_name": "n.event"}
    assert value(found, **names, group1="response", group1_level="partial") == 2
    both = {"group1": "arm", "group1_level": "B", "group2": "response", "group2_level": "progressive"}
    assert value(found, **names, **both) == 1
    twice = [key for key, count in Counter(map(row_key, found)).items() if count > 1]
    assert twice == []


READ = r"""
suppressMessages(library(cards))
ard <- read.csv(commandArgs(trailingOnly = TRUE)[1], na.strings = "", colClasses = "character")
ard$stat <- Map(\(number, word) if (is.na(number)) { if (is.na(word)) NULL else word } else as.numeric(number),
                ard$stat, ard$stat_text, USE.NAMES = FALSE)
lists <- c("group1_level", "group2_level", "variable_level", "fmt_fun", "warning", "error")
ard[lists] <- lapply(ard[lists], lapply, \(one) if (!is.na(one)) type.convert(one, as.is = TRUE))
ard <- as_card(tibble::as_tibble(ard[names(ard) != "stat_text"]))
check_ard_structure(ard)
cat(get_ard_statistics(ard, context %in% "survival, log-log", is.na(group1))$estimate)
"""


@pytest.mark.r
def test_cards_reads_it_as_the_document_says(tmp_path):
    program = shutil.which("Rscript")
    if program is None:
        pytest.skip("Rscript is not installed")
    known = subprocess.run([program, "-e", "library(cards)"], capture_output=True, check=False)
    if known.returncode:
        pytest.skip("cards is not installed in R")
    tables = lung_tables()
    analyzed = subgroup_results(tmp_path)
    write_exports(tmp_path / "exports", Facts(tables, read_endpoints(tmp_path / "endpoints.yaml")), analyzed)
    done = subprocess.run(
        [program, "-e", READ, "--args", str(tmp_path / "exports" / "ard.csv")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert float(done.stdout) == pytest.approx(0.0503455681)  # R: survfit, at the last follow-up
    assert done.stderr == ""
