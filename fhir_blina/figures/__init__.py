"""Figures as SVG and PNG."""

from __future__ import annotations

from fhir_blina.figures.canvas import Drawing
from fhir_blina.figures.courses import Bar, Course, spaghetti, waterfall
from fhir_blina.figures.curves import incidence, survival
from fhir_blina.figures.figures import Interval, proportions
from fhir_blina.figures.flow import Step, flow
from fhir_blina.figures.forest import ForestRow, forest
from fhir_blina.figures.keys import ONLY
from fhir_blina.figures.lanes import Lane, Span, swimmer
from fhir_blina.figures.paired import Panel, before_after
from fhir_blina.figures.wording import wording

__all__ = [
    "ONLY",
    "Bar",
    "Course",
    "Drawing",
    "ForestRow",
    "Interval",
    "Lane",
    "Panel",
    "Span",
    "Step",
    "before_after",
    "flow",
    "forest",
    "incidence",
    "proportions",
    "spaghetti",
    "survival",
    "swimmer",
    "waterfall",
    "wording",
]
