"""Kinds of rule on doses: rates and steps against the protocol, and the body size that they imply."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from fhir_blina.analysis.exposure import Exposure, exposures, stepped_up
from fhir_blina.analysis.quality.rules import Context, Hit, Rule


def rate_not_in_protocol(context: Context, rule: Rule) -> Iterator[Hit]:
    """Steps whose rate the protocol does not have in the unit recorded."""
    del rule
    dosing = context.facts.endpoints.sections.dosing
    if dosing is None:
        return
    for exposure in exposures(context.facts):
        for step in exposure.steps:
            known = {
                value
                for entry in dosing.protocol
                if entry.unit == step.unit
                for value in (entry.full, entry.step_up)
            }
            if step.rate in known:
                continue
            elsewhere = [entry.unit for entry in dosing.protocol if step.rate in (entry.full, entry.step_up)]
            words = {
                "rate": step.rate,
                "unit": step.unit,
                "known": ", ".join(
                    str(value) for value in sorted(value for value in known if value is not None)
                )
                or "none",
                "elsewhere": f"; {step.rate} is the protocol's dose in {elsewhere[0]}" if elsewhere else "",
            }
            yield Hit(exposure.subject, words, (step.source,))


def rate_high_for_size(context: Context, rule: Rule) -> Iterator[Hit]:
    """Patients whose highest rate by body surface area is more than ``times`` the protocol's full dose."""
    dosing = context.facts.endpoints.sections.dosing
    if dosing is None:
        return
    full = [entry.full for entry in dosing.protocol if entry.unit == dosing.per_area_unit]
    for exposure in exposures(context.facts):
        known = {dosing.flat_unit, dosing.per_area_unit}
        if exposure.area is None or not full or any(step.unit not in known for step in exposure.steps):
            continue
        flat = dosing.flat_unit
        rates = [_per_area(exposure, step.rate, step.unit, flat) for step in exposure.steps]
        ratio = max(rates) / max(full)
        if ratio > Decimal(str(rule.settings["times"])):
            words = {
                "rate": f"{max(rates):.1f}",
                "unit": dosing.per_area_unit,
                "full": max(full),
                "ratio": f"{ratio:.2f}",
                "area": exposure.area,
            }
            yield Hit(exposure.subject, words, exposure.sources)


def _per_area(exposure: Exposure, rate: Decimal, unit: str, flat_unit: str) -> Decimal:
    return rate / exposure.area if unit == flat_unit and exposure.area else rate


def step_not_as_protocol(context: Context, rule: Rule) -> Iterator[Hit]:
    """A lower first step of another length than the protocol's, or given or left out against its rule."""
    del rule
    dosing = context.facts.endpoints.sections.dosing
    if dosing is None or dosing.step_up is None:
        return
    planned = dosing.step_up.days
    for exposure in exposures(context.facts):
        raised = stepped_up(exposure)
        if exposure.needs_step_up is not None and raised != exposure.needs_step_up:
            done = "a lower first step was given" if raised else "no lower first step was given"
            wanted = "asks for one" if exposure.needs_step_up else "does not ask for one"
            yield Hit(
                exposure.subject, {"given": done, "planned": f"the protocol {wanted}"}, exposure.sources
            )
        elif raised and exposure.steps[0].days != planned:
            first = exposure.steps[0]
            words = {
                "given": f"days {first.first} to {first.last}",
                "planned": f"the protocol has {planned} days",
            }
            yield Hit(exposure.subject, words, (first.source,))


def implied_height(context: Context, rule: Rule) -> Iterator[Hit]:
    """The height that dosing by weight implies is not that of a person of this age.

    Patients with a dose that the protocol does not have in its unit are left out.

    Mosteller (1987): body surface area² = height in cm × weight in kg / 3600. A flat dose means at least
    ``flat_from_kg``, so at most area² · 3600 / that height; a dose by area means less weight, so at least it.
    ``shortest`` and ``tallest`` are ``[cm at age 0, cm for each year up to 18]``.
    """
    dosing = context.facts.endpoints.sections.dosing
    if dosing is None:
        return
    ages = {
        context.subject(key): value for key, value in context.facts.measured(rule.settings["age"]).items()
    }
    weight = Decimal(str(rule.settings["flat_from_kg"]))
    known = {(entry.unit, rate) for entry in dosing.protocol for rate in (entry.full, entry.step_up)}
    for exposure in exposures(context.facts):
        if exposure.area is None or exposure.subject not in ages:
            continue
        if any((step.unit, step.rate) not in known for step in exposure.steps):
            continue  # a dose that the protocol does not have says nothing about weight
        age = min(Decimal(str(ages[exposure.subject][0])), Decimal(18))
        shortest, tallest = (
            Decimal(str(rule.settings[key][0])) + age * Decimal(str(rule.settings[key][1]))
            for key in ("shortest", "tallest")
        )
        bound = exposure.area**2 * 3600 / weight
        flat = {step.unit for step in exposure.steps} == {dosing.flat_unit}
        if (flat and bound < shortest) or (not flat and bound > tallest):
            words = {
                "area": exposure.area,
                "bound": f"{'at most' if flat else 'more than'} {bound:.1f} cm",
                "weight": weight,
                "age": ages[exposure.subject][0],
                "basis": "flat" if flat else "by area",
            }
            yield Hit(exposure.subject, words, (*exposure.sources, ages[exposure.subject][1]))
