"""Kinds of rule on rows and values: bounds, order, reversals, combinations, counts, confounding."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pandas as pd

from fhir_blina.analysis.quality.rules import Context, Hit, Rule
from fhir_blina.endpoints import Selection, fits, source
from fhir_blina.files import as_text, is_missing

MOST_EVIDENCE = 50


def _rows(context: Context, wanted: Selection) -> pd.DataFrame:
    return context.facts.rows(wanted)


def _who(context: Context, row: Any) -> str:
    key = row.get("patient_id")
    if not is_missing(key):
        return context.facts.labels.get(key, "")
    group = row.get("group_id")
    return "" if is_missing(group) else str(group)


def outside(context: Context, rule: Rule) -> Iterator[Hit]:
    """Rows of patients ``among`` whose ``column`` is filled but not within ``allowed`` (list or bounds)."""
    column, allowed = rule.settings["column"], rule.settings["allowed"]
    context.facts.table(rule.settings["rows"].table, column)
    frame = _rows(context, rule.settings["rows"])
    frame = frame[frame[column].notna()]
    if "among" in rule.settings:
        frame = frame[frame["patient_id"].isin(context.facts.members(rule.settings["among"]))]
    for row in frame[~fits(frame[column], allowed)].to_dict(orient="records"):
        made = source(rule.settings["rows"].table, row)
        yield Hit(_who(context, row), {"value": row[column]}, (made,))


def rows(context: Context, rule: Rule) -> Iterator[Hit]:
    """Rows that should not be there; one finding for each patient, or one for all with ``together``."""
    frame = _rows(context, rule.settings["rows"])
    table = rule.settings["rows"].table.removesuffix("_tags") + "s" * rule.settings["rows"].table.endswith(
        "_tags"
    )
    found: dict[str, list[str]] = {}
    for row in frame.to_dict(orient="records"):
        found.setdefault(_who(context, row), []).append(source(table, row))
    if rule.settings.get("together"):
        if found:
            whom = ", ".join(sorted(found))
            evidence = tuple(dict.fromkeys(item for items in found.values() for item in items))
            yield Hit(whom, {"count": len(frame)}, evidence[:MOST_EVIDENCE])
        return
    for whom, items in sorted(found.items()):
        yield Hit(whom, {"count": len(items)}, tuple(dict.fromkeys(items)))


def lacks_text(context: Context, rule: Rule) -> Iterator[Hit]:
    """Filled cells of ``column`` in which ``pattern`` is not found; one finding for all rows."""
    column, pattern = rule.settings["column"], re.compile(rule.settings["pattern"])
    frame = _rows(context, rule.settings["rows"])
    frame = frame[frame[column].notna()]
    lacking = frame[[pattern.search(as_text(cell)) is None for cell in frame[column]]]
    if len(lacking):
        found = lacking.to_dict(orient="records")
        whom = ", ".join(sorted({_who(context, row) for row in found}))
        evidence = tuple(source(rule.settings["rows"].table, row) for row in found)
        words = {"count": len(lacking), "of": len(frame), "example": lacking[column].iloc[0]}
        yield Hit(whom, words, evidence[:MOST_EVIDENCE])


def members(context: Context, rule: Rule) -> Iterator[Hit]:
    """Patients in a set that should be empty. Evidence: the rows behind the sets that it combines."""
    facts = context.facts
    name = rule.settings["set"]
    behind = [name, *facts.endpoints.sets[name].all_of, *facts.endpoints.sets[name].any_of]
    found = [facts.sources(used) for used in behind]
    for key in facts.members(name):
        yield Hit(
            context.subject(key),
            {},
            tuple(dict.fromkeys(sources[key] for sources in found if key in sources)),
        )


def out_of_order(context: Context, rule: Rule) -> Iterator[Hit]:
    """Patients with more in measure ``lower`` than in ``upper``, where ``upper`` is more than ``above``."""
    lower, upper = (context.facts.measured(rule.settings[key]) for key in ("lower", "upper"))
    bound = rule.settings.get("above")
    for key, (value, made) in lower.items():
        if key not in upper:
            continue
        one, other = Decimal(str(value)), Decimal(str(upper[key][0]))
        if one > other and (bound is None or other > Decimal(str(bound))):
            words = {"lower": value, "upper": upper[key][0]}
            yield Hit(context.subject(key), words, (made, upper[key][1]))


def reversal(context: Context, rule: Rule) -> Iterator[Hit]:
    """A positive row after a negative one, by study day, before the day ``before`` where that exists."""
    facts = context.facts
    table = rule.settings["rows"].table
    frame = _rows(context, rule.settings["rows"])
    frame = frame[frame["study_day"].notna() & frame["patient_id"].isin(facts.subjects.index)]
    frame = frame.sort_values(["patient_id", "study_day"], kind="stable")
    negative = _any_fits(frame, rule.settings["negative"])
    positive = _any_fits(frame, rule.settings["positive"])
    until = facts.timed(rule.settings["before"]) if "before" in rule.settings else {}
    last: dict[str, Any] = {}
    for row, was, now in zip(frame.to_dict(orient="records"), negative, positive, strict=True):
        key = row["patient_id"]
        end = until.get(key)
        if was:
            last[key] = row
        elif now and key in last and (end is None or row["study_day"] < end[0]):
            words = {
                "negative_day": int(last[key]["study_day"]),
                "positive_day": int(row["study_day"]),
                "end_day": "" if end is None else int(end[0]),
            }
            yield Hit(context.subject(key), words, (source(table, last[key]), source(table, row)))


def _any_fits(frame: pd.DataFrame, wanted: Any) -> list[bool]:
    found = pd.Series(data=False, index=frame.index)
    for column, value in wanted.items():
        found |= fits(frame[column], value)
    return [bool(item) for item in found]


def same_values(context: Context, rule: Rule) -> Iterator[Hit]:
    """Pairs of patients that share all of several measures; a copying error, or chance."""
    facts = context.facts
    found = [facts.measured(name) for name in rule.settings["measures"]]
    keys = [key for key in facts.labels if all(key in values for values in found)]
    groups: dict[tuple[str, ...], list[str]] = {}
    for key in keys:
        groups.setdefault(tuple(str(values[key][0]) for values in found), []).append(key)
    for shared, mine in groups.items():
        if len(mine) == 2:
            made = tuple(values[key][1] for key in mine for values in found)
            yield Hit(", ".join(map(context.subject, mine)), {"values": ", ".join(shared)}, made)


def count_above(context: Context, rule: Rule) -> Iterator[Hit]:
    """Patients ``among`` with more than ``most`` rows."""
    facts = context.facts
    frame = _rows(context, rule.settings["rows"])
    frame = frame[frame["patient_id"].isin(facts.members(rule.settings.get("among", "all")))]
    for key, mine in frame.groupby("patient_id", sort=True):
        if len(mine) > rule.settings["most"]:
            made = tuple(source(rule.settings["rows"].table, row) for row in mine.to_dict(orient="records"))
            yield Hit(context.subject(str(key)), {"count": len(mine)}, made)


def confounded(context: Context, rule: Rule) -> Iterator[Hit]:
    """Sets of patients that are the same patients: their effects cannot be told apart."""
    facts = context.facts
    everyone = len(facts.labels)
    groups: dict[frozenset[Any], list[str]] = {}
    for name in rule.settings["sets"]:
        keys = frozenset(facts.members(name))
        if 0 < len(keys) < everyone:
            groups.setdefault(keys, []).append(name)
    for keys, names in groups.items():
        if len(names) > 1:
            whom = ", ".join(facts.labels[key] for key in facts.labels if key in keys)
            behind = [facts.sources(name) for name in names]
            made = dict.fromkeys(found[key] for found in behind for key in sorted(found) if key in keys)
            words = {"sets": " = ".join(names), "count": len(keys)}
            yield Hit(whom, words, tuple(made)[:MOST_EVIDENCE])
