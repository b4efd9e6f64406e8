"""What the rows behind an answer make a reader ask, as remarks: counts and words of the definitions only."""

from __future__ import annotations

from typing import Any

import pandas as pd

from fhir_blina.endpoints.answers import Answer
from fhir_blina.endpoints.dates import AS_WRITTEN, REFUSE, DateRule
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
        said = (
            "Rows of the table of patients have no key",
            f'{rows_of(nameless)} of "{table}" without a key',
            "They are counted nowhere: their references name no patient that can be told",
        )
        account.remark("rows-without-patient", "warning", "subjects", said)


def remark_chosen(
    account: Account, about: str, wanted: Selection, found: Chosen, everyone: pd.Index[Any]
) -> None:
    """What a selection left out or open, and words that no row has."""
    if found.nothing:
        said = (
            f"The rows asked for by {about} are not there",
            found.nothing,
            "Nobody has it, or a word is misspelt; whoever should have it counts as without it",
        )
        account.remark("where-selects-nothing", "warning", about, said)
    if len(found.retracted):
        columns = [name for name in RETRACTED if name in found.retracted.columns and name not in wanted.where]
        words = {
            str(word): int((found.retracted[name] == word).sum())
            for name in columns
            for word in (*RETRACTED[name], *NOT_DONE_YET)
            if (found.retracted[name] == word).any()
        }
        said = (
            f"Rows for {about} say that they never were, and are left out",
            ", ".join(f"{rows_of(count)} {word}" for word, count in words.items()),
            f"To take them, name {' or '.join(columns)} in where",
        )
        account.remark("status-left-out", "information", about, said, found.retracted["patient_id"].dropna())
    if len(found.left_open):
        said = (
            f"Some rows leave open whether they are what {about} asks for",
            f"{rows_of(len(found.left_open))} with a comparator, unit or partial date that decides nothing",
            "They count neither as yes nor as no",
        )
        account.remark("bounds-undecided", "warning", about, said, found.left_open["patient_id"].dropna())
    strangers = found.rows[~found.rows["patient_id"].isin(everyone)]
    if len(strangers):
        nameless = int(strangers["patient_id"].isna().sum())
        said = (
            f"Rows for {about} belong to nobody who is counted",
            f"{rows_of(nameless)} without a patient, {rows_of(len(strangers) - nameless)} of other patients",
            "They are left out",
        )
        account.remark("rows-without-patient", "warning", about, said)


def remark_answer(account: Account, about: str, answer: Answer, rule: DateRule) -> None:
    """Partial dates, rows without a day, and bounds."""
    if answer.taken and rule.partial != REFUSE:
        said = (
            f"Dates of {about} have no day or no month",
            f"{patients_of(len(answer.taken))} with a year or a month",
            f"Taken as the {rule.partial} of the month or year, as dates: {{partial: {rule.partial}}} says",
        )
        account.remark("partial-date", "information", about, said, answer.taken)
    elif answer.taken:
        said = (
            f"Dates of {about} have no day or no month",
            f"{patients_of(len(answer.taken))} with a year or a month",
            "Refused: who needs that date is left out. dates: {partial: first}, middle or last takes them",
        )
        account.remark("partial-date", "warning", about, said, answer.taken)
    if answer.undated:
        said = (
            f"Rows for {about} have no day",
            f"{patients_of(len(answer.undated))} with a row without a day, beside others that have one",
            "Those rows are left aside",
        )
        account.remark("rows-without-day", "information", about, said, answer.undated)
    if answer.unit_taken:
        said = (
            f"No row for {about} has a unit",
            f"{len(answer.cells)} values without a unit",
            f"Taken as {answer.unit}, as the definition has it",
        )
        account.remark("unit-not-recorded", "information", about, said)
    if answer.comparators:
        said = (
            f"Values of {about} are bounds",
            f"{len(answer.comparators)} recorded with " + ", ".join(sorted(set(answer.comparators.values()))),
            "Listed with their comparator; no median, mean, range or test takes them for the number",
        )
        account.remark("bounds-recorded", "information", about, said, answer.comparators)


def remark_zones(account: Account, about: str, zones: set[int], rule: DateRule) -> None:
    """Dates written in several zones, where nothing says which days count."""
    if len(zones) < 2 or rule.zone != AS_WRITTEN:
        return
    said = (
        f"Dates of {about} are written in several zones",
        f"{len(zones)} zones",
        (
            "Each counts as the day that was written, so that one moment can be two days. "
            "dates: {zone: …} counts the days of one zone"
        ),
    )
    account.remark("several-zones", "information", about, said)


def remark_word(account: Account, about: str, printed: str) -> None:
    """A word of the definitions that no value is, and that is like one."""
    said = (
        f"A word of {about} is nowhere",
        printed,
        "Whoever should have it counts as without it",
    )
    account.remark("where-selects-nothing", "warning", about, said)
