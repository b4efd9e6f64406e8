"""What the rows behind an answer make a reader ask, as remarks: counts and words of the definitions only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from fhir_blina.endpoints.answers import Answer
from fhir_blina.endpoints.dates import AS_WRITTEN, REFUSE, DateRule
from fhir_blina.endpoints.definition import Grouping
from fhir_blina.endpoints.populations import Account
from fhir_blina.endpoints.rows import NOT_DONE_YET, RETRACTED, Chosen
from fhir_blina.endpoints.selection import Selection


def rows_of(count: int) -> str:
    """``1 row``, ``2 rows``."""
    return f"{count} row{'s' * (count != 1)}"


def patients_of(count: int) -> str:
    """``1 patient``, ``2 patients``."""
    return f"{count} patient{'s' * (count != 1)}"


def remark_subjects(account: Account, table: str, nameless: int) -> None:
    """Rows of the table of patients that have no key."""
    if nameless:
        account.remark(
            rule="rows-without-patient",
            severity="warning",
            about="subjects",
            title="Rows of the table of patients have no key",
            printed=f'{rows_of(nameless)} of "{table}" without a key',
            follows="They are counted nowhere: their references name no patient that can be told",
        )


def remark_chosen(
    account: Account, about: str, wanted: Selection, found: Chosen, everyone: pd.Index[Any]
) -> None:
    """What a selection left out or open, and words that no row has."""
    if found.nothing:
        account.remark(
            rule="where-selects-nothing",
            severity="warning",
            about=about,
            title=f"The rows asked for by {about} are not there",
            printed=found.nothing,
            follows="Nobody has it, or a word is misspelt; whoever should have it counts as without it",
        )
    if len(found.retracted):
        columns = [
            name for name in RETRACTED if name in found.retracted.columns and name not in wanted.columns
        ]
        words = {
            str(word): int((found.retracted[name] == word).sum())
            for name in columns
            for word in (*RETRACTED[name], *NOT_DONE_YET)
            if (found.retracted[name] == word).any()
        }
        account.remark(
            rule="status-left-out",
            severity="information",
            about=about,
            title=f"Rows for {about} say that they never were, and are left out",
            printed=", ".join(f"{rows_of(count)} {word}" for word, count in words.items()),
            follows=f"To take them, name {' or '.join(columns)} in where",
            patients=found.retracted["patient_id"].dropna(),
        )
    if len(found.left_open):
        account.remark(
            rule="bounds-undecided",
            severity="warning",
            about=about,
            title=f"Some rows leave open whether they are what {about} asks for",
            printed=f"{rows_of(len(found.left_open))} with a comparator, unit or partial date "
            "that decides nothing",
            follows="They count neither as yes nor as no",
            patients=found.left_open["patient_id"].dropna(),
        )
    strangers = found.rows[~found.rows["patient_id"].isin(everyone)]
    if len(strangers):
        nameless = int(strangers["patient_id"].isna().sum())
        account.remark(
            rule="rows-without-patient",
            severity="warning",
            about=about,
            title=f"Rows for {about} belong to nobody who is counted",
            printed=f"{rows_of(nameless)} without a patient, "
            f"{rows_of(len(strangers) - nameless)} of other patients",
            follows="They are left out",
        )


def remark_answer(account: Account, about: str, answer: Answer, rule: DateRule) -> None:
    """Partial dates, rows without a day, and bounds."""
    if answer.taken:
        refused = rule.partial == REFUSE
        account.remark(
            rule="partial-date",
            severity="warning" if refused else "information",
            about=about,
            title=f"Dates of {about} have no day or no month",
            printed=f"{patients_of(len(answer.taken))} with a year or a month",
            follows="Refused: who needs that date is left out. "
            "dates: {partial: first}, middle or last takes them"
            if refused
            else f"Taken as the {rule.partial} of the month or year, "
            f"as dates: {{partial: {rule.partial}}} says",
            patients=answer.taken,
        )
    if answer.undated:
        account.remark(
            rule="rows-without-day",
            severity="information",
            about=about,
            title=f"Rows for {about} have no day",
            printed=f"{patients_of(len(answer.undated))} with a row without a day, "
            "beside others that have one",
            follows="Those rows are left aside",
            patients=answer.undated,
        )
    if answer.unit_taken:
        account.remark(
            rule="unit-not-recorded",
            severity="information",
            about=about,
            title=f"No row for {about} has a unit",
            printed=f"{len(answer.cells)} values without a unit",
            follows=f"Taken as {answer.unit}, as the definition has it",
        )
    if answer.comparators:
        account.remark(
            rule="bounds-recorded",
            severity="information",
            about=about,
            title=f"Values of {about} are bounds",
            printed=f"{len(answer.comparators)} recorded with "
            + ", ".join(sorted(set(answer.comparators.values()))),
            follows="Listed with their comparator; no median, mean, range or test takes them for the number",
            patients=answer.comparators,
        )


def remark_zones(account: Account, about: str, zones: set[int], rule: DateRule) -> None:
    """Dates written in several zones, where nothing says which days count."""
    if len(zones) < 2 or rule.zone != AS_WRITTEN:
        return
    account.remark(
        rule="several-zones",
        severity="information",
        about=about,
        title=f"Dates of {about} are written in several zones",
        printed=f"{len(zones)} zones",
        follows="Each counts as the day that was written, so that one moment can be two days. "
        "dates: {zone: …} counts the days of one zone",
    )


def remark_word(account: Account, about: str, printed: str) -> None:
    """A word of the definitions that no value is, and that is like one."""
    account.remark(
        rule="where-selects-nothing",
        severity="warning",
        about=about,
        title=f"A word of {about} is nowhere",
        printed=printed,
        follows="Whoever should have it counts as without it",
    )


def remark_cut(account: Account, wanted: Grouping, points: Sequence[Any], found: Mapping[Any, str]) -> None:
    """How large the groups of quantiles are, and which nobody is in."""
    sizes = Counter(found.values())
    empty = [label for label in wanted.labels.values() if not sizes[label]]
    if empty and found:
        account.remark(
            rule="group-empty",
            severity="warning",
            about=f'group "{wanted.name}"',
            title=f"Nobody is in a group of {wanted.name}",
            printed=", ".join(empty),
            follows="Many values are equal, so that cut points fall together"
            if len(set(points)) < len(points)
            else "No comparison has that group; move the cut points",
        )
    if wanted.quantiles and found:
        account.remark(
            rule="quantile-groups",
            severity="information",
            about=f'group "{wanted.name}"',
            title=f"Groups of {wanted.name} are quantiles",
            printed=", ".join(f"{label} {sizes[label]}" for label in wanted.labels.values()),
            follows=f"Cut at quantiles (type 7 in R) of all who have a value; equal values stay together, "
            f"a value at a cut point is in the group {wanted.at_cut} it",
        )


def remark_forms(account: Account, about: str, counts: Mapping[str, int]) -> None:
    """Which columns days were taken from, where it was not the first alone."""
    if len(counts) < 2:
        return
    account.remark(
        rule="days-from-several-columns",
        severity="information",
        about=about,
        title=f"Days of {about} are written in several forms",
        printed=", ".join(f"{rows_of(count)} {form}" for form, count in counts.items()),
        follows="Each row gives the first form that it has; an age is counted from the date of birth, "
        "as a range of days by dates: {partial: …}",
    )


def remark_other_forms(account: Account, about: str, column: str, counts: Mapping[str, int]) -> None:
    """Rows without a day in the column asked for, which have it in another form."""
    if not counts:
        return
    stem = column.removesuffix("_date")
    takes = not column.endswith("[x]") and any(form.startswith(stem) for form in counts)
    account.remark(
        rule="day-in-another-form",
        severity="warning",
        about=about,
        title=f"Rows without a day of {about} have it in another form",
        printed=", ".join(f"{rows_of(count)} {form}" for form, count in counts.items()),
        follows=f'"{stem}[x]" in the place of {column} takes those that are days'
        if takes and column.endswith("_date")
        else "Nothing makes a day of those; who has no other row is left out",
    )


def remark_uncounted(account: Account, unit: str, chosen: Chosen) -> None:
    """Rows of the table of those who are counted of which nobody can say whether they are."""
    if chosen.nothing:
        account.remark(
            rule="where-selects-nothing",
            severity="warning",
            about="subjects",
            title=f"No {unit} is counted",
            printed=chosen.nothing,
            follows="A word of where may be misspelt",
        )
    if len(chosen.left_open):
        account.remark(
            rule="bounds-undecided",
            severity="warning",
            about="subjects",
            title=f"Some rows leave open whether they are a {unit} that counts",
            printed=rows_of(len(chosen.left_open)),
            follows="They are counted nowhere",
        )


def remark_units(account: Account, unit: str, keys: pd.Series[Any], owners: Mapping[str, str]) -> None:
    """What one unit is, and how many patients have several."""
    sizes = Counter(owners.get(key) for key in keys)
    several = sum(count > 1 for count in sizes.values())
    account.remark(
        rule="units-of-one-patient",
        severity="warning" if several else "information",
        about="subjects",
        title=f"What is counted is a {unit}, not a patient",
        printed=f"{len(keys)} of {patients_of(len(sizes))}, {several} of whom have several",
        follows=f"Wherever results say patients, a {unit} is meant"
        + (
            "; intervals and tests take those of one patient as independent, which they are not"
            * bool(several)
        ),
    )


def remark_shared(account: Account, unit: str, table: str) -> None:
    """Rows of patients that count for each of their units."""
    account.remark(
        rule="rows-of-patients-for-units",
        severity="information",
        about=f'table "{table}"',
        title=f"Rows of {table} are those of patients",
        printed=f"{table} has no column of the key of a {unit}",
        follows=f"A row counts for each {unit} of its patient. subjects: {{link: {{{table}: COLUMN}}}} "
        "says which column has it",
    )
