"""Seeded resources and FHIRPath made up from R4's own definitions, for engines to be held against each other."""

from __future__ import annotations

import random
from decimal import Decimal

from fhir_blina.r4 import R4

# What is drawn from: few values, so that equal ones meet.
VALUES = {
    "boolean": [True, False],
    "integer": [0, 1, 2, 14, -3],
    "positiveInt": [1, 2, 14],
    "unsignedInt": [0, 1, 14],
    "decimal": [Decimal("14.00"), 1, Decimal("0.10"), Decimal("-3.5"), 2],
    "date": ["2020", "2020-02", "2020-02-29", "2019-12-31"],
    "dateTime": ["2020", "2020-02-29", "2020-02-29T10:00:00Z", "2020-02-29T12:00:00+02:00"],
    "instant": ["2020-02-29T10:00:00Z", "2020-02-29T12:00:00+02:00"],
    "time": ["10:00:00", "12:30:00"],
    "code": ["m", "f", "final"],
    "uri": ["urn:a", "urn:b"],
    "url": ["urn:a", "urn:b"],
    "string": ["a", "b", "ab", "it's"],
    "markdown": ["a", "b"],
    "id": ["p1", "p2"],
}
ELEMENTS = {
    "Patient": "active name telecom gender birthDate deceased maritalStatus multipleBirth contact extension "
    "generalPractitioner managingOrganization",
    "Patient.contact": "name telecom gender period",
    "Observation": "status category code subject effective issued value dataAbsentReason interpretation note "
    "bodySite referenceRange component extension",
    "Observation.component": "code value interpretation dataAbsentReason",
    "Observation.referenceRange": "low high type age text",
    "MedicationAdministration": "status category medication subject effective dosage note",
    "MedicationAdministration.dosage": "text route dose rate",
    "Condition": "clinicalStatus code subject onset abatement recordedDate recorder note stage",
    "Condition.stage": "summary type",
    "Quantity": "value comparator unit system code",
    "CodeableConcept": "coding text",
    "Coding": "system code display userSelected",
    "Period": "start end",
    "Range": "low high",
    "Ratio": "numerator denominator",
    "Reference": "reference display",
    "Timing": "event code",
    "HumanName": "use family given period",
    "ContactPoint": "system value use rank",
    "Annotation": "author time text",
    "Extension": "url value",
}
EXTENSION_VALUES = ["boolean", "integer", "string", "code", "dateTime", "Coding", "Quantity", "Age", "Period"]
TYPES = ["Patient", "Observation", "MedicationAdministration", "Condition"]
_ALIKE = {"Age": "Quantity", "SimpleQuantity": "Quantity"}


def defined(type_name: str, name: str) -> tuple[list[str], bool, bool]:
    """The types of an element that are drawn from, whether it repeats, whether it is a choice."""
    elements = R4.types[_ALIKE.get(type_name, type_name)]["elements"]
    if name == "extension":
        return ["Extension"], True, False
    if name in elements:
        return [elements[name]["type"]], elements[name].get("max") == "*", False
    if type_name == "Extension":
        return EXTENSION_VALUES, False, True
    types = elements[f"{name}[x]"]["type"]
    return [kind for kind in types if kind in VALUES or _ALIKE.get(kind, kind) in ELEMENTS], False, True


def names(type_name: str) -> list[str]:
    """The elements of a type that are drawn from."""
    return ELEMENTS.get(_ALIKE.get(type_name, type_name), "").split()


class Resources:
    """Resources of one type."""

    def __init__(self, seed: int, *, extended: bool = True) -> None:
        self.random = random.Random(seed)
        self.extended = extended  # whether primitives may have extensions, and no value beside them

    def some(self, kind: str, count: int) -> list[dict]:
        """As many resources."""
        return [{"resourceType": kind, "id": f"r{n}"} | self.object(kind, 0) for n in range(count)]

    def object(self, kind: str, depth: int) -> dict:
        """An object of a type, with any of its elements."""
        made: dict = {}
        for name in names(kind):
            if self.random.random() > (0.7 if depth < 2 else 0.5) or (depth > 1 and name == "extension"):
                continue
            types, many, choice = defined(kind, name)
            one = self.random.choice(types)
            key = f"{name}{one[0].upper()}{one[1:]}" if choice else name
            if many:
                made[key] = [self.value(one, depth) for _ in range(self.random.choice([1, 1, 2, 3]))]
            else:
                made[key] = self.value(one, depth)
                if self.extended and one in VALUES and depth < 2 and self.random.random() < 0.15:
                    made[f"_{key}"] = {"extension": [{"url": "urn:a", "valueInteger": 1}]}
                    if self.random.random() < 0.5:
                        del made[key]
        if not made and names(kind):
            return self.object(kind, depth)  # FHIR has no empty objects
        return made

    def value(self, kind: str, depth: int) -> object:
        """A value of a type."""
        if kind in VALUES:
            return self.random.choice(VALUES[kind])
        return self.object(kind, depth + 1)


class Paths:
    """FHIRPath over one resource type: conditions, and values of every kind."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def chance(self, share: float) -> bool:
        """True as often as asked."""
        return self.random.random() < share

    def steps(self, types: list[str], depth: int, *, start: str = "") -> tuple[str, list[str]]:
        """A path from an element of any of some types, and what it may end in."""
        path = start
        for _ in range(self.random.choice([1, 1, 2, 2, 3])):
            found = [(one, name) for one in types for name in names(one)]
            if not found:
                break
            kind, name = self.random.choice(found)
            step = f"{path}.{name}" if path else name
            types = sorted({below for one in types if name in names(one) for below in defined(one, name)[0]})
            path = step
            draw = self.random.random()
            if draw < 0.08:
                path += self.random.choice([".first()", ".last()", "[0]", "[1]"])
            elif draw < 0.16 and len(types) > 1:
                kind = self.random.choice(types)
                path = path + f".ofType({kind})" if self.chance(0.7) else f"({path} as {kind})"
                types = [kind]
            elif draw < 0.24 and depth > 0:
                path += f".where({self.condition(types, depth - 1)})"
        return path, types

    def operand(self, types: list[str], depth: int) -> tuple[str, list[str]]:
        """A path to values."""
        start = "$this" if types[0] in VALUES else ""
        path, ends = (start, types) if start else self.steps(types, depth)
        return path, ends

    def literal(self, kind: str) -> str:
        """A literal that a value of a type may be compared with."""
        value = self.random.choice(VALUES.get(kind, VALUES["string"]))
        if isinstance(value, bool):
            return str(value).lower()
        if kind in {"date", "dateTime", "instant"}:
            return f"@{value}"
        if kind == "time":
            return f"@T{value}"
        return str(value) if not isinstance(value, str) else "'" + value.replace("'", "\\'") + "'"

    def condition(self, types: list[str], depth: int) -> str:
        """A path to true or false."""
        draw = self.random.random()
        if depth > 0 and draw < 0.3:
            one, other = self.condition(types, depth - 1), self.condition(types, depth - 1)
            return f"({one} {self.random.choice(['and', 'or', 'xor', 'implies'])} {other})"
        if depth > 0 and draw < 0.4:
            return f"({self.condition(types, depth - 1)}).not()"
        path, ends = self.operand(types, depth)
        kind = self.random.choice(ends)
        draw = self.random.random()
        if draw < 0.2:
            return path + self.random.choice([".exists()", ".empty()", ".exists().not()"])
        if draw < 0.3:
            return (
                f"{path}.{self.random.choice(['exists', 'all'])}({self.condition(ends, max(depth - 1, 0))})"
            )
        if draw < 0.38:
            return path + ".not()"
        if draw < 0.46:
            return f"{path}.count() {self.random.choice(['=', '>', '<=', '!='])} {self.random.choice('012')}"
        if draw < 0.52:
            return f"({path} is {kind})"
        if draw < 0.58:
            return path  # as a condition by itself
        if draw < 0.64:
            other, _ = self.operand(types, 0)
            return f"{path} {self.random.choice(['=', '!=', '<'])} {other}"
        if draw < 0.7:
            return f"{self.literal(kind)} in {path}"
        if draw < 0.76 and kind in {"string", "code", "uri", "markdown"}:
            return f"{path}.{self.random.choice(['startsWith', 'contains', 'endsWith'])}('a')"
        return f"{path} {self.random.choice(['=', '=', '!=', '<', '<=', '>', '>='])} {self.literal(kind)}"

    def value(self, types: list[str], depth: int) -> str:
        """A path to values of any kind."""
        path, _ = self.steps(types, depth)
        return path + self.random.choice(["", "", ".first()", ".count()", ".last()"])
