"""A ViewDefinition as a plan of trees."""

from __future__ import annotations

from fhir_blina.errors import ViewError
from fhir_blina.views.definition import Column, View
from fhir_blina.views.sql import tree
from fhir_blina.views.sql.levels import Levels, inline
from fhir_blina.views.sql.paths import Paths
from fhir_blina.views.sql.plan import PlanColumn, ViewPlan
from fhir_blina.views.sql.shape import Shape, is_known
from fhir_blina.views.sql.values import Focus, Value


def compile_view(view: View) -> ViewPlan:
    """Compile a view.

    Raises:
        NotCompiled: a path that SQL cannot answer as FHIRPath does; nothing is answered otherwise.
        ViewError: a resource type that the release has not, or a column whose values are of another type.
    """
    release = view.release
    if not is_known(release, view.resource):
        raise ViewError(f"{view.source}: {view.resource} is no resource type of FHIR {release.name}")
    paths = Paths(view)
    shape = Shape(view.resource)
    shape.part("resourceType", "code")
    shape.part("id", "id")
    root = Value(tree.variable("r"), view.resource, shape)
    focus = Focus(root, root)
    plan = ViewPlan(view, shape)
    for condition in view.where:
        value = paths.compile(condition.tree, focus)
        if value.type not in {"boolean", ""}:
            value = paths.known(value)
        if value.type not in {"boolean", ""}:
            raise ViewError(f'{view.source}: where "{condition.text}" does not give true or false')
        plan.where.append(paths.truth(value))
    levels = Levels(view, paths, root)
    for part in inline(view.select):
        if isinstance(part, Column):
            sql, kind = levels.column(part, focus)
            plan.columns.append(PlanColumn(part.name, kind, part.collection, sql))
            continue
        plan.parts.append(levels.rows(part, focus))
        row = tree.below(root.sql, f"part_{len(plan.parts)}")
        for column in part.all_columns():
            kind = levels.kinds.get(column.name, column.type or "string")
            sql = tree.below(row, column.name)
            plan.columns.append(PlanColumn(column.name, kind, column.collection, sql))
    plan.repeats = levels.repeats
    plan.digits_matter = paths.digits_matter
    return plan
