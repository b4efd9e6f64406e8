"""FHIRPath over plain rows and resources: a strict subset, compiled once."""

from __future__ import annotations

from fhir_blina.fhirpath.elements import MOMENTS, plain_type
from fhir_blina.fhirpath.evaluation import type_argument
from fhir_blina.fhirpath.expressions import Expression, Function, compile_expression
from fhir_blina.fhirpath.limits import allowed, spend
from fhir_blina.fhirpath.operators import only
from fhir_blina.fhirpath.syntax import (
    Binary,
    Call,
    Constant,
    Item,
    Literal,
    Member,
    Node,
    This,
    TypeTest,
    Unary,
    failure,
)
from fhir_blina.fhirpath.temporal import Temporal, as_temporal
from fhir_blina.fhirpath.units import converter, known_unit

__all__ = [
    "MOMENTS",
    "Binary",
    "Call",
    "Constant",
    "Expression",
    "Function",
    "Item",
    "Literal",
    "Member",
    "Node",
    "Temporal",
    "This",
    "TypeTest",
    "Unary",
    "allowed",
    "as_temporal",
    "compile_expression",
    "converter",
    "failure",
    "known_unit",
    "only",
    "plain_type",
    "spend",
    "type_argument",
]
