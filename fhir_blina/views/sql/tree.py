"""SQL as a tree: what the compiler builds expressions of; text is made of it last, by a dialect.

What two dialects say differently is one node of sqlglot (a list, a lambda, a struct); what none of
them has is a call of a function of ours, ``fhir_…``, that an engine defines.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlglot import exp

from fhir_blina.views.faults import Fault

Sql = exp.Expr


def name(text: str) -> exp.Identifier:
    """A name; the dialect quotes it where it must be."""
    plain = text.replace("_", "a").isalnum() and text.isascii() and not text[0].isdigit()
    return exp.Identifier(this=text, quoted=not plain)


def variable(text: str) -> Sql:
    """A table, a column or the variable of a lambda by its name."""
    return exp.Column(this=name(text))


def is_variable(sql: Sql, text: str = "") -> bool:
    """Whether SQL is a variable, of that name where one is given."""
    return isinstance(sql, exp.Column) and (not text or sql.name == text)


def below(sql: Sql, key: str) -> Sql:
    """What a struct holds under a name."""
    return exp.Dot(this=sql, expression=name(key))


def above(sql: Sql) -> Sql:
    """What :func:`below` was given."""
    if not isinstance(sql, exp.Dot):
        raise TypeError("no part of a struct")
    made: Sql = sql.this
    return made


def text(value: str) -> Sql:
    """A string."""
    return exp.Literal.string(value)


def integer(value: int) -> Sql:
    """A whole number."""
    return exp.Literal.number(value)


def null() -> Sql:
    """NULL."""
    return exp.Null()


def boolean(value: bool) -> Sql:
    """True or false."""
    return exp.Boolean(this=value)


def cast(sql: Sql, kind: str, *, many: bool = False) -> Sql:
    """A value, or each of a list, as of another type: ``VARCHAR``, ``DECIMAL(38, 12)`` and the like."""
    return exp.Cast(this=sql, to=sql_type(kind, many=many))


def sql_type(kind: str, *, many: bool = False) -> exp.DataType:
    """A type by its name, or a list of it."""
    one = exp.DataType.build(kind)
    return exp.DataType(this=exp.DType.ARRAY, expressions=[one], nested=True) if many else one


def operand(sql: Sql) -> Sql:
    """SQL that stands as one operand, whatever is put around it."""
    joined = isinstance(sql, (exp.Connector, exp.Not, exp.Neg)) or (
        isinstance(sql, exp.Binary) and not isinstance(sql, (exp.Dot, exp.Func))
    )
    return exp.Paren(this=sql) if joined else sql


def _nested(sql: Sql) -> Sql:
    return exp.Paren(this=sql) if isinstance(sql, exp.Connector) else sql


def _joined(kind: type[exp.Connector], parts: Iterable[Sql]) -> Sql:
    first, *rest = parts
    made = _nested(first) if rest else first
    for one in rest:
        made = kind(this=made, expression=_nested(one))
    return made


def both(*parts: Sql) -> Sql:
    """Whether all conditions hold."""
    return _joined(exp.And, parts)


def either(*parts: Sql) -> Sql:
    """Whether one of the conditions holds."""
    return _joined(exp.Or, parts)


def negated(sql: Sql) -> Sql:
    """Whether a condition does not hold."""
    return exp.Not(this=operand(sql))


OPERATORS: Mapping[str, type[exp.Binary]] = {
    "=": exp.EQ,
    "<>": exp.NEQ,
    "<": exp.LT,
    "<=": exp.LTE,
    ">": exp.GT,
    ">=": exp.GTE,
    "+": exp.Add,
    "-": exp.Sub,
    "*": exp.Mul,
    "||": exp.DPipe,
}


def binary(operator: str, left: Sql, right: Sql) -> Sql:
    """``left operator right``."""
    return OPERATORS[operator](this=operand(left), expression=operand(right))


def negative(sql: Sql) -> Sql:
    """A number with the other sign."""
    return exp.Neg(this=operand(sql))


def is_there(sql: Sql) -> Sql:
    """``… IS NOT NULL``."""
    return exp.Not(this=exp.Is(this=operand(sql), expression=null()))


def is_null(sql: Sql) -> Sql:
    """``… IS NULL``."""
    return exp.Is(this=operand(sql), expression=null())


def case(*branches: tuple[Sql, Sql], otherwise: Sql | None = None) -> Sql:
    """``CASE WHEN … THEN … ELSE … END``."""
    return exp.Case(ifs=[exp.If(this=test, true=then) for test, then in branches], default=otherwise)


def coalesce(sql: Sql, otherwise: Sql) -> Sql:
    """The first of two that is there."""
    return exp.Coalesce(this=sql, expressions=[otherwise])


def call(function: str, *arguments: Sql) -> Sql:
    """A function that every engine defines."""
    return exp.Anonymous(this=function, expressions=list(arguments))


def struct(fields: Sequence[tuple[str, Sql]]) -> Sql:
    """A struct of named values."""
    return exp.Struct(expressions=[exp.PropertyEQ(this=name(key), expression=sql) for key, sql in fields])


def array(*items: Sql) -> Sql:
    """A list."""
    return exp.Array(expressions=list(items))


def kept(items: Sql, item: str, condition: Sql) -> Sql:
    """The items of a list that meet a condition."""
    return exp.ArrayFilter(this=items, expression=_lambda(condition, item))


def each(items: Sql, item: str, result: Sql, index: str = "") -> Sql:
    """What is made of each item of a list, and of its place, which begins at 1."""
    return exp.Transform(this=items, expression=_lambda(result, item, *([index] if index else [])))


def _lambda(body: Sql, *variables: str) -> Sql:
    return exp.Lambda(this=body, expressions=[name(one) for one in variables], colon=True)


def flat(lists: Sql) -> Sql:
    """A list of lists as one list."""
    return exp.Flatten(this=lists)


def together(first: Sql, *rest: Sql) -> Sql:
    """Lists one after another."""
    return exp.ArrayConcat(this=first, expressions=list(rest)) if rest else first


def size(items: Sql) -> Sql:
    """How many items a list has."""
    return exp.ArraySize(this=items)


def is_filled(items: Sql) -> Sql:
    """Whether a list is there and has items."""
    return coalesce(binary(">", size(items), integer(0)), boolean(False))


def among(sql: Sql, values: Iterable[str]) -> Sql:
    """Whether a text is one of these; of no text, false."""
    listed = array(*map(text, sorted(values)))
    return coalesce(exp.ArrayContains(this=listed, expression=sql), boolean(False))


def at(items: Sql, place: int) -> Sql:
    """One item of a list: the first is 1, the last is -1."""
    return exp.Bracket(this=items, expressions=[integer(place)], offset=1)


def joined(items: Sql, mark: Sql) -> Sql:
    """The texts of a list as one, with a mark between them."""
    return exp.ArrayToString(this=items, expression=mark)


_OF_TEXTS: Mapping[str, type[exp.Expression]] = {
    "startsWith": exp.StartsWith,
    "endsWith": exp.EndsWith,
    "contains": exp.Contains,
    "lower": exp.Lower,
    "upper": exp.Upper,
    "length": exp.Length,
}


def of_text(function: str, sql: Sql, *part: Sql) -> Sql:
    """A function of a text, or of a text and a part of it, by FHIRPath's name."""
    return _OF_TEXTS[function](this=sql, **({"expression": part[0]} if part else {}))


def replaced(sql: Sql, variable_name: str, by: Sql) -> Sql:
    """SQL with something in the place of a variable."""
    return sql.transform(lambda node: by.copy() if is_variable(node, variable_name) else node)


def message(fault: Fault, detail: Sql | None = None) -> Sql:
    """The text of a fault, which names it first; ``detail`` says more than its own words."""
    if detail is None:
        return text(f"view {fault.name}: {fault.value}")
    return binary("||", text(f"view {fault.name}: "), detail)


def raised(fault: Fault) -> Sql:
    """An error when the query comes to it."""
    return call("error", message(fault))


def the_one(items: Sql, detail: Sql | None = None) -> Sql:
    """The one item of a list; several are an error."""
    return call("fhir_only", items, message(Fault.SEVERAL, detail))
