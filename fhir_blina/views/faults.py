"""What can be wrong with a view or with the resources that it reads, as types and not as words."""

from __future__ import annotations

from enum import Enum

from fhir_blina.errors import ViewError
from fhir_blina.views.definition import MAX_DEPTH, MAX_ROWS


class Fault(Enum):
    """What a view finds wrong while it runs; the value is its wording."""

    SEVERAL = "one value is needed and there are several"
    ROWS = f"more than {MAX_ROWS:,} rows of one resource: cross fewer levels"
    DEPTH = f"repeat goes down more than {MAX_DEPTH} levels, so that it may never end"
    CONDITION = "a condition does not give true or false"
    KIND = "a value is not of the column's type"
    PATH = "a path cannot be worked out"
    NESTING = "an object where a list belongs, or the other way round"
    OTHER_TYPE = "a line of another type"
    NO_NUMBER = "a decimal that is no number"
    NO_INTEGER = "a whole number that is none"
    DECIMALS = "more than 18 decimals in a number"
    DIGITS = "more than 20 digits before the point"
    COLUMN_DECIMALS = "more than 12 decimals in a number"
    FACTOR = "more than 10 decimals in a calculation"
    QUOTIENT = "a quotient that does not end within 9 decimals"
    BOUNDARY = "a boundary of a number with an exponent or more than 7 decimals"
    TIME = "more time than a view may take"
    MEMORY = "more memory and temporary disk than a view may take"
    COUNT = "rows or lines are missing, or too many"
    UNREADABLE = "the engine cannot read it"


class NotCompiled(ViewError):  # noqa: N818 - what it is, not that it is an error
    """A view that SQL cannot answer as FHIRPath does.

    Args:
        source: The view's file.
        what: The part that is refused.
    """

    def __init__(self, source: str, what: str) -> None:
        self.source = source
        self.what = what
        super().__init__(f'{source}: {what} is not compiled to SQL. Use --engine python (engine="python")')


class RunFault(ViewError):  # noqa: N818
    """Resources that a view cannot read.

    Args:
        fault: What is wrong.
        source: The view's file.
        place: The resource, or the file of resources.
        detail: What is wrong in the words of this case; empty takes the fault's own.
        remedy: What to do.
    """

    def __init__(self, fault: Fault, source: str, place: str, detail: str = "", remedy: str = "") -> None:
        self.fault = fault
        self.source = source
        self.place = place
        self.detail = detail or fault.value
        super().__init__(f"{source}: {place}: {self.detail}{f'. {remedy}' if remedy else ''}")
