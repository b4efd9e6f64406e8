"""Resources against FHIR R4: structure, codes, invariants, references, before anything is stored.

::

    findings = validate(resources)          # [] where all is well
    check_valid(resources)                  # raises ValidationError with all of them

Three judges. fhir.resources (its R4B module) judges the structure; ``structure`` judges by the R4
definitions what it lets pass: R4's own elements and types, required codes, forms of primitives,
reference types, invariants; this module judges what only a whole set shows: each ``Type/id`` once,
references that lead somewhere, nothing after a death or before a birth. Of a large set fhir.resources
judges a sample (:mod:`fhir_blina.validation.sampling`), the other two judge all. The full judge, HAPI's
validator, needs Java: :mod:`fhir_blina.hapi.validator`.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from typing import Any

from fhir_blina.errors import Finding, ValidationError
from fhir_blina.r4 import R4, FhirRelease
from fhir_blina.validation.judges import Problem, Walk
from fhir_blina.validation.parts import in_order
from fhir_blina.validation.references import Known
from fhir_blina.validation.sampling import SAMPLE, sampled
from fhir_blina.validation.structure import resource

Resource = dict[str, Any]

# Which elements exist and which are needed differs between R4 and R4B, and is judged by R4's own rules.
_R4_DECIDES = frozenset({"extra_forbidden", "missing"})
_SUBJECTS = ("subject", "individual", "patient")
_TIMES = (
    ("effectiveDateTime", ""),
    ("effectivePeriod", "start"),
    ("performedDateTime", ""),
    ("performedPeriod", "start"),
    ("onsetDateTime", ""),
    ("collection", "collectedDateTime"),
    ("period", "start"),
    ("date", ""),
)


def validate(
    resources: Iterable[Resource],
    *,
    definitions: Iterable[Resource] = (),
    sample: int | None = SAMPLE,
    release: FhirRelease = R4,
) -> list[Finding]:
    """Judge a set of resources that belong together.

    Args:
        resources: Plain FHIR R4 JSON, numbers int or Decimal. References must stay inside the set.
        definitions: CodeSystems and StructureDefinitions that the resources use, not judged
            themselves. Where given, a code of such a system must be in it, and an extension must
            be defined there or by HL7.
        sample: About how many fhir.resources judges where there are more, the same share of each type;
            ``None`` for all. The release's own definitions judge every one.
        release: The release of FHIR to judge by; fhir.resources has a word on R4 only.

    Returns:
        All findings in the order of the resources, location ``Type/id``, expression such as
        ``Observation.component[1].valueQuantity.code``; empty where all is well. No value of a
        resource is in them.
    """
    whole = list(resources)
    known = Known(whole)
    walk = Walk(known, *_defined([*definitions], release), release)
    lives = _lives(whole)
    chosen = sampled(whole, sample) if release is R4 else frozenset()
    findings = [
        Finding(
            severity="error",
            code="duplicate",
            diagnostics="two resources have this type and id",
            expression=key.split("/")[0],
            location=key,
            remedy="Give each its own id",
        )
        for key in known.twice
    ]
    for position, node in enumerate(whole):
        known.enter(node)
        problems = _problems(node, walk, position in chosen)
        if lives:
            problems += _outside_life(node, lives)
        if problems:
            findings += _findings(node, position, problems, release)
    return findings


def check_valid(resources: Iterable[Resource], *, definitions: Iterable[Resource] = ()) -> None:
    """Judge as :func:`validate` does.

    Raises:
        ValidationError: with every finding, where at least one is an error.
    """
    findings = validate(resources, definitions=definitions)
    if any(finding.severity in {"error", "fatal"} for finding in findings):
        raise ValidationError(findings)


def _defined(
    definitions: Sequence[Resource], release: FhirRelease
) -> tuple[dict[str, frozenset[str]], frozenset[str] | None]:
    systems, extensions = dict(release.code_systems), set()
    for definition in definitions:
        if definition.get("resourceType") == "CodeSystem" and definition.get("content") == "complete":
            systems[definition["url"]] = frozenset(_codes(definition))
        elif definition.get("resourceType") == "StructureDefinition":
            extensions.add(definition["url"])
    return systems, frozenset(extensions) if definitions else None


def _codes(concept: Resource) -> Iterable[str]:
    for inner in concept.get("concept", ()):
        yield inner["code"]
        yield from _codes(inner)


def _kind(node: Any, release: FhirRelease) -> str:
    """The type of a resource of the release, empty for anything else."""
    kind = node.get("resourceType") if isinstance(node, dict) else None
    return kind if isinstance(kind, str) and kind in release.resource_types else ""


def _problems(node: Any, walk: Walk, both: bool) -> list[Problem]:
    try:
        found = resource(node, walk)
    except RecursionError:
        return [("", "error", "too-long", "nested too deeply", "")]
    if _kind(node, walk.release):
        if "id" not in node:
            found.append(("", "error", "required", "a resource needs an id", ""))
        if both:
            found += _second_opinion(node, [path for path, severity, *_ in found if severity == "error"])
    return found


@functools.cache
def _model(name: str) -> Any:
    """The R4B model of a type; ``None`` for a type that R4 has and R4B has not."""
    from fhir.resources.R4B import get_fhir_model_class

    try:
        return get_fhir_model_class(name)
    except ValueError:
        return None


def _second_opinion(node: Resource, ours: list[str]) -> list[Problem]:
    """What fhir.resources says, less what is already said at, above or under the same place."""
    import pydantic

    model = _model(node["resourceType"])
    if model is None:
        return []
    try:
        model.model_validate(node)
    except pydantic.ValidationError as refusal:
        said = [
            (_path(error["loc"], node), str(error["type"]))
            for error in refusal.errors(include_url=False, include_context=False, include_input=False)
            if error["type"] not in _R4_DECIDES
        ]
        return [
            (path, "error", "structure", f"fhir.resources refuses it: {kind.replace('_', ' ')}", "")
            for path, kind in said
            if not any(_related(path, other) for other in ours)
        ]
    return []


def _path(steps: Sequence[int | str], node: Any) -> str:
    path = ""
    for step in steps:
        if isinstance(step, int):
            path += f"[{step}]"
            node = node[step] if isinstance(node, list) and step < len(node) else None
        elif isinstance(node, dict) or not path:
            path += f".{step.removesuffix('__ext')}"
            node = node.get(step) if isinstance(node, dict) else None
    return path.removeprefix(".")


def _related(path: str, other: str) -> bool:
    return not path or not other or path.startswith(other) or other.startswith(path)


def _lives(resources: Iterable[Any]) -> dict[str, tuple[Any, Any]]:
    """``Patient/id`` -> date of birth and of death, of those for whom one is known."""
    return {
        f"Patient/{node.get('id')}": (node.get("birthDate"), node.get("deceasedDateTime"))
        for node in resources
        if isinstance(node, dict)
        and node.get("resourceType") == "Patient"
        and ("birthDate" in node or "deceasedDateTime" in node)
    }


def _outside_life(node: Any, lives: dict[str, tuple[Any, Any]]) -> list[Problem]:
    if not isinstance(node, dict):
        return []
    if node.get("resourceType") == "Patient":
        born, died = lives.get(f"Patient/{node.get('id')}", (None, None))
        if in_order(born, died):
            return []
        return [("deceasedDateTime", "error", "business-rule", "death before birth", "")]
    found: list[Problem] = []
    for name in _SUBJECTS:
        subject = node.get(name)
        if not isinstance(subject, dict) or not isinstance(subject.get("reference"), str):
            continue
        if (life := lives.get(subject["reference"])) is None:
            continue
        for first, second in _TIMES:
            moment = node.get(first)
            path = first
            if second:
                moment = moment.get(second) if isinstance(moment, dict) else None
                path = f"{first}.{second}"
            if moment is None:
                continue
            if not in_order(life[0], moment):
                found.append((path, "warning", "business-rule", "before the patient's birth", ""))
            if not in_order(moment, life[1]):
                found.append((path, "warning", "business-rule", "after the patient's death", ""))
    return found


def _findings(node: Any, position: int, problems: list[Problem], release: FhirRelease) -> list[Finding]:
    kind = _kind(node, release) or "Resource"
    name = node.get("id") if isinstance(node, dict) else None
    location = f"{kind}/{name}" if isinstance(name, str) and name.isascii() else f"{kind}[{position}]"
    return [
        Finding(
            severity=severity,
            code=code,
            diagnostics=text,
            expression=f"{kind}.{path}" if path else kind,
            location=location,
            remedy=remedy,
        )
        for path, severity, code, text, remedy in problems
    ]
