"""Names in a definitions file: which definition each refers to, and that none comes back to itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from fhir_blina.errors import AnalysisError, problem
from fhir_blina.files import Document


def uses(content: Mapping[str, Any]) -> Iterable[tuple[tuple[Any, ...], str, str]]:
    """``(path in the file, kind, name)`` of each name that refers to a definition."""
    for name, entry in content.get("sets", {}).items():
        for key in ("all_of", "any_of", "none_of"):
            yield from ((("sets", name, key), "set", used) for used in entry.get(key, ()))
        for key in ("time", "before", "after", "to"):
            if key in entry:
                yield ("sets", name, key), "time", entry[key]
    for name, entry in content.get("times", {}).items():
        if "set" in entry:
            yield ("times", name, "set"), "set", entry["set"]
        for key in ("before", "after", "to"):
            if key in entry:
                yield ("times", name, key), "time", entry[key]
        for key in ("earliest_of", "latest_of"):
            yield from ((("times", name, key), "time", used) for used in entry.get(key, ()))
    for name, entry in content.get("groups", {}).items():
        if "measure" in entry:
            yield ("groups", name, "measure"), "measure", entry["measure"]
        yield from ((("groups", name, "sets"), "set", used) for used in entry.get("sets", {}))
    for name, entry in content.get("measures", {}).items():
        for key in ("from", "to"):
            if key in entry:
                yield ("measures", name, key), "time", entry[key]
    for name, entry in content["endpoints"].items():
        yield from _uses_of_endpoint(("endpoints", name), entry)
    for name, entry in content.get("responses", {}).items():
        yield ("responses", name, "best"), "measure", entry["best"]
        if entry.get("among", "all") != "all":
            yield ("responses", name, "among"), "set", entry["among"]
        yield from (
            (("responses", name, "not_evaluable"), "set", used) for used in entry.get("not_evaluable", ())
        )
        yield from ((("responses", name, "by"), "group", used) for used in entry.get("by", ()))
        if "duration" in entry:
            yield from _uses_of_endpoint(("responses", name, "duration"), entry["duration"])
    for name, entry in content.get("summaries", {}).items():
        yield ("summaries", name), "measure", name
        if "by" in entry:
            yield ("summaries", name, "by"), "group", entry["by"]
    yield from ((("listed",), "measure", used) for used in content.get("listed", ()))
    for name, entry in content.get("proportions", {}).items():
        yield ("proportions", name), "set", entry.get("set", name)
        if "among" in entry:
            yield ("proportions", name, "among"), "set", entry["among"]
    for name, entry in content.get("categories", {}).items():
        for key, kind in (("among", "set"), ("by", "group")):
            if key in entry:
                yield ("categories", name, key), kind, entry[key]
    for name, entry in content.get("intervals", {}).items():
        yield from ((("intervals", name, key), "time", entry[key]) for key in ("from", "to"))
    for name, entry in content.get("sums", {}).items():
        yield from ((("sums", name, "parts"), "measure", used) for used in entry["parts"])
        yield ("sums", name, "total"), "time", entry["total"]
    if "exposure" in content:
        yield ("exposure", "body_surface_area"), "measure", content["exposure"]["body_surface_area"]
        if "step_up" in content["exposure"]:
            yield ("exposure", "step_up", "measure"), "measure", content["exposure"]["step_up"]["measure"]
    if "power" in content:
        yield ("power", "endpoint"), "endpoint", content["power"]["endpoint"]
        yield ("power", "group"), "group", content["power"]["group"]


def refuse_circles(document: Document) -> None:
    """Refuse sets and times that come back to themselves by the names that they use.

    Raises:
        AnalysisError: one does.
    """
    links: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for keys, kind, used in uses(document.data):
        if keys[0] in ("sets", "times"):
            links.setdefault((keys[0].removesuffix("s"), keys[1]), []).append((kind, used))

    def visit(one: tuple[str, str], above: tuple[tuple[str, str], ...]) -> None:
        if one in above:
            kind, name = one
            text = f'{kind} "{name}" is defined by itself'
            raise AnalysisError([problem(document.where((f"{kind}s", name)), text)])
        for used in links.get(one, ()):
            visit(used, (*above, one))

    for one in links:
        visit(one, ())


def _uses_of_endpoint(
    at: tuple[Any, ...], entry: Mapping[str, Any]
) -> Iterable[tuple[tuple[Any, ...], str, str]]:
    for key, kind in (
        ("start", "time"),
        ("censor", "time"),
        ("among", "set"),
        ("censor_reason", "measure"),
    ):
        if key in entry:
            yield (*at, key), kind, entry[key]
    for key, kind in (
        ("events", "time"),
        ("competing", "time"),
        ("censored_by", "time"),
        ("compare", "group"),
        ("not_compared", "group"),
        ("stratify", "group"),
        ("subgroups", "group"),
    ):
        yield from (((*at, key), kind, used) for used in entry.get(key, ()))
    if "state" in entry:
        yield (*at, "state", "time"), "time", entry["state"]["time"]
        yield (*at, "state", "group"), "group", entry["state"]["group"]
    for model, parts in entry.get("cox", {}).items():
        here = (*at, "cox", model)
        yield from (((*here, "covariates"), "covariate", used) for used in parts["covariates"])
        if "strata" in parts:
            yield (*here, "strata"), "group", parts["strata"]
