"""Analysis: every number that the definitions ask for, from tables alone.

tables = read_tables("out/fhir")
results = analyze(tables, "mappings/cohorts/<cohort>")
write_results(results, Path("results.json"))
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd

from fhir_blina.analysis.categories import describe_categories
from fhir_blina.analysis.comparisons import describe_comparisons
from fhir_blina.analysis.contrasts import describe_firth, describe_landmarks, describe_state
from fhir_blina.analysis.counted import counts_of, left_out_of, populations, remarked
from fhir_blina.analysis.descriptive import describe
from fhir_blina.analysis.exposure import describe_exposure
from fhir_blina.analysis.incidences import describe_gray, describe_incidence
from fhir_blina.analysis.models import describe_models
from fhir_blina.analysis.outcomes import (
    by_group,
    describe_endpoint,
    shown_labels,
)
from fhir_blina.analysis.persontime import describe_rates, describe_strata_and_trend
from fhir_blina.analysis.quality.findings import SEVERITIES, find, rule_book
from fhir_blina.analysis.ratios import describe_ratios
from fhir_blina.analysis.responses import describe_responses
from fhir_blina.analysis.restricted import describe_mean_differences
from fhir_blina.analysis.robustness import describe_lost, describe_power
from fhir_blina.analysis.singles import describe_singles
from fhir_blina.analysis.subgroups import describe_subgroups
from fhir_blina.endpoints import Endpoint, Endpoints, Facts, Tables, derive_endpoint, read_endpoints
from fhir_blina.results import DerivedTime, Record, Results, compare_claims, read_claims


def analyze(tables: Tables, definitions: Endpoints | str | Path) -> Results:
    """Work out every record that the definitions ask for.

    Args:
        tables: View tables by name, as ``read_tables`` returns them.
        definitions: An ``endpoints.yaml``, the folder that holds one, or definitions read before. Where
            ``claims.csv`` or ``findings.yaml`` lies beside it, its claims are compared and its rules run too.

    Returns:
        Records in a fixed order, the derivation, the claims compared, the findings of the shared rules and
        the cohort's own and of the derivation, and who is counted in what.

    Raises:
        AnalysisError: definitions or claims at fault, with file and line, or tables that lack what they name.
    """
    endpoints = definitions if isinstance(definitions, Endpoints) else read_endpoints(Path(definitions))
    facts = Facts(tables, endpoints)
    facts.check()
    records = [
        *describe(facts),
        *describe_categories(facts),
        *describe_singles(facts),
        *describe_exposure(facts),
        *describe_responses(facts),
    ]
    derivation: list[DerivedTime] = []
    for endpoint in endpoints.endpoints.values():
        frame = derive_endpoint(facts, endpoint)
        derivation += [
            DerivedTime(**{str(key): cell for key, cell in row.items()})
            for row in frame.to_dict(orient="records")
        ]
        records += _endpoint(facts, endpoint, frame)
    folder = endpoints.path.parent
    counted = tuple(populations(facts))
    results = Results(
        records=tuple(records),
        derivation=tuple(derivation),
        populations=counts_of(counted),
        left_out=left_out_of(counted, facts.labels),
    )
    if (folder / "claims.csv").is_file():
        results = replace(results, claims=tuple(compare_claims(read_claims(folder), results)))
    answered = replace(endpoints, queries={})  # their tables are among those of the facts
    found = find(facts.tables, answered, results, rule_book(folder))
    found += [remarked(remark, facts.labels) for remark in facts.account.remarks.values()]
    found.sort(key=lambda finding: SEVERITIES.index(finding.severity))
    return replace(results, findings=tuple(found))


def _endpoint(facts: Facts, endpoint: Endpoint, frame: pd.DataFrame) -> Iterator[Record]:
    labels = shown_labels(facts.endpoints, endpoint)
    groups = {name: by_group(frame, facts.group(name), shown) for name, shown in labels.items()}
    yield from describe_endpoint(endpoint, frame, groups)
    yield from describe_mean_differences(endpoint, groups)
    yield from describe_comparisons(endpoint, frame, groups)
    yield from describe_strata_and_trend(facts, endpoint, frame, groups)
    yield from describe_rates(endpoint, frame, groups)
    yield from describe_incidence(endpoint, frame, groups)
    yield from describe_gray(endpoint, groups)
    for name, parts in groups.items():
        yield from describe_firth(endpoint, name, parts)
    yield from describe_ratios(endpoint, groups)
    yield from describe_subgroups(facts, endpoint, groups)
    yield from describe_models(facts, endpoint, frame)
    yield from describe_landmarks(facts, endpoint, frame, labels)
    yield from describe_state(facts, endpoint, frame)
    yield from describe_lost(endpoint, frame, groups)
    power = facts.endpoints.sections.power
    if power is not None and power.endpoint == endpoint.name:
        order = {label: label for label in facts.endpoints.groups[power.group].labels.values()}
        yield from describe_power(power, by_group(frame, facts.group(power.group), order))
