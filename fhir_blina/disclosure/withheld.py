"""What the definitions ask for and no shown count can answer: its names, made from the definitions alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from fhir_blina.analysis import STATISTICS
from fhir_blina.endpoints import Endpoint, Endpoints

Named = tuple[str, str]
Labels = Mapping[str, list[str]]
SPREAD = ("first_quartile", "third_quartile", "mean", "standard_deviation", "missing")


def withheld(endpoints: Endpoints) -> Iterator[Named]:
    """Name and group of each such number; nothing of the tables goes in."""
    labels = {name: list(dict.fromkeys(one.labels.values())) for name, one in endpoints.groups.items()}
    for name, asked in endpoints.sections.summaries.items():
        statistics = (*STATISTICS, *(SPREAD if asked.spread else ()))
        for group in ("all", *labels.get(asked.by, ())):
            yield from ((f"{name}.{statistic}", group) for statistic in statistics)
        if asked.test:
            yield f"{name}.mann_whitney_exact", " v ".join(labels[asked.by])
    for response in endpoints.sections.responses.values():
        for group in ("all", *(label for name in response.by for label in labels[name])):
            for statistic in ("response_rate", "response_rate_evaluable", "not_evaluable"):
                yield f"{response.name}.{statistic}", group
            for title in response.categories.values():
                yield f"{response.name}.best_response", title if group == "all" else f"{group}: {title}"
    for endpoint in endpoints.endpoints.values():
        yield from _of_endpoint(endpoint, labels)


def _of_endpoint(endpoint: Endpoint, labels: Labels) -> Iterator[Named]:
    name = endpoint.name
    several = ["cumulative_incidence" if endpoint.competing else "survival", "median"]
    several += ["restricted_mean"] if endpoint.restrict_at_days and not endpoint.competing else []
    several += ["rate"] if endpoint.rate_per_years else []
    for group in ("all", *(label for by in endpoint.compare for label in labels[by])):
        yield from ((f"{name}.{statistic}", group) for statistic in several)
    for by in endpoint.compare:
        yield f"{name}.log_rank", " v ".join(labels[by])
        if endpoint.competing:
            yield f"{name}.gray", " v ".join(labels[by])
        if len(labels[by]) != 2:
            continue
        pair = " v ".join(reversed(labels[by]))
        yield f"{name}.hazard_ratio", pair
        for split in endpoint.subgroups:
            if split != by:
                for label in labels[split]:
                    yield f"{name}.subgroup_{split}_hazard_ratio", f"{pair} in {label}"
                yield f"{name}.subgroup_{split}_interaction", pair
    for model, cox in endpoint.cox.items():
        yield f"{name}.cox_{model}_hazard_ratio", ", ".join(cox.covariates)
