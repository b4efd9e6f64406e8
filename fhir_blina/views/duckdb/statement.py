"""A plan as DuckDB's SQL: the reading of resources below it, text made of the whole last.

::

    plan = compile_view(load_view(Path("ViewDefinition-patients.json")))
    print(script(plan, "Patient.ndjson"))

The lines are read as JSON text, decimals are put in quotes so that every digit stays, and
``from_json`` gives typed columns for just the elements that the view reads. Then come the rows.
"""

from __future__ import annotations

from sqlglot import exp

from fhir_blina.views.duckdb.macros import create_macros
from fhir_blina.views.duckdb.reading import ALL, aliased, read, repeat_steps, select, table, with_step
from fhir_blina.views.sql import tree
from fhir_blina.views.sql.levels import bounded
from fhir_blina.views.sql.plan import PlanColumn, ViewPlan
from fhir_blina.views.sql.tree import Sql


def text_of(sql: Sql) -> str:
    """The text of a tree in DuckDB's dialect."""
    return sql.sql("duckdb", pretty=True, normalize_functions=False)


def statement(plan: ViewPlan, source: exp.Select, *, decimals: str = "text") -> exp.Select:
    """The query of a plan over resources.

    Args:
        plan: The plan.
        source: Gives the typed columns of the resources.
        decimals: ``text`` keeps every digit, ``number`` gives DECIMAL(38, 12).
    """
    steps = [with_step("resource", source)]
    steps += [one for repeat in plan.repeats for one in repeat_steps(repeat)]
    relation = table("resource", alias="r")
    if plan.repeats:
        steps.append(with_step("walked", _walked(plan)))
        relation = table("walked", alias="r")
    conditions = list(plan.where)
    if len(plan.parts) > 1:
        conditions.append(bounded(plan.parts))
    where = tree.both(*conditions) if conditions else None
    for place, part in enumerate(plan.parts, start=1):
        every = exp.Column(this=exp.Star(), table=tree.name("r"))
        rows = aliased(tree.call("unnest", part), f"part_{place}")
        steps.append(with_step(f"rows_{place}", select(every, rows, source=relation, where=where)))
        relation, where = table(f"rows_{place}", alias="r"), None
    columns = [aliased(_shown(column, decimals), column.name) for column in plan.columns]
    query = select(*columns, source=relation, where=where)
    query.set("with_", exp.With(expressions=steps, recursive=bool(plan.repeats)))
    return query


def _walked(plan: ViewPlan) -> exp.Select:
    """The resources with the nodes of each ``repeat``, in their order."""
    number = tree.variable("resource_number")
    walked = select(ALL, source=table("resource"))
    walked.set(
        "joins",
        [exp.Join(this=table(one.name), side="LEFT", using=[number]) for one in plan.repeats],
    )
    return walked.order_by(number, copy=False)


def _shown(column: PlanColumn, decimals: str) -> Sql:
    if column.kind != "decimal" or decimals == "text":
        return column.sql
    if not column.collection:
        return tree.call("fhir_decimal", column.sql)
    return tree.each(column.sql, "v", tree.call("fhir_decimal", tree.variable("v")))


def script(plan: ViewPlan, path: str) -> str:
    """The query over a file with the macros that it calls: runs in any DuckDB."""
    query = statement(plan, read(plan.shape, plan.view.resource, path, keep_json=bool(plan.repeats)))
    title = f"-- {plan.view.name}: {plan.view.description}".rstrip(": ")
    return "\n".join([title, *(f"{macro};" for macro in create_macros([query])), f"{text_of(query)};"])
