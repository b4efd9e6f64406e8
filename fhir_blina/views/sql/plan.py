"""What a view compiles to: the trees of its columns, rows and conditions, and what it reads.

A plan is of no dialect. An engine puts its own way of reading resources below it and makes text of the
whole last.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from fhir_blina.views.definition import View
from fhir_blina.views.sql.shape import Shape
from fhir_blina.views.sql.tree import Sql


@dataclass(frozen=True)
class PlanColumn:
    """A column of the table.

    Attributes:
        name: Its name.
        kind: FHIR type, as the view or else the path gives it; a ``decimal`` is text with every digit.
        collection: Whether its cells are lists.
        sql: Its tree, over the resource ``r``.
    """

    name: str
    kind: str
    collection: bool
    sql: Sql


@dataclass(frozen=True)
class Repeat:
    """Elements under elements of the same kind: their trees and what is read of each.

    Attributes:
        name: Of the column that holds them all.
        first: What is read of the resource to find the first ones.
        first_sql: Those.
        below: What is read of an element to find those under it.
        below_sql: Those.
        node: What the view reads of each.
    """

    name: str
    first: Shape
    first_sql: Sql
    below: Shape
    below_sql: Sql
    node: Shape


@dataclass
class ViewPlan:
    """A compiled view.

    Attributes:
        view: The view.
        shape: What it reads of a resource.
        columns: The columns of the table.
        parts: Lists of rows that the resource is joined with, ``part_1`` and so on.
        where: Conditions on a resource.
        repeats: What is walked recursively.
        digits_matter: Whether an answer depends on how a number is written, 14.00 or 14.
    """

    view: View
    shape: Shape
    columns: list[PlanColumn] = field(default_factory=list)
    parts: list[Sql] = field(default_factory=list)
    where: list[Sql] = field(default_factory=list)
    repeats: list[Repeat] = field(default_factory=list)
    digits_matter: bool = False
