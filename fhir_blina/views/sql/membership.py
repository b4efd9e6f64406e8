"""``memberOf()`` as SQL: codes compared with constant lists, one for each code system of a value set."""

from __future__ import annotations

from dataclasses import replace

from fhir_blina.errors import ViewError
from fhir_blina.fhirpath import MOMENTS
from fhir_blina.terminology import ValueSet
from fhir_blina.views.membership import TAKES, codes_alone
from fhir_blina.views.sql import tree
from fhir_blina.views.sql.operators import Operators
from fhir_blina.views.sql.tree import Sql
from fhir_blina.views.sql.values import Value, kind_of


class Membership(Operators):
    """What asks whether codes are in a value set."""

    def member_of(self, source: Value, name: str) -> Value:
        """``source.memberOf(name)``.

        Raises:
            ViewError: what is asked is no code, or a code of which the system is not known.
        """
        value = self.one(source)
        if not value.type:
            return Value(tree.cast(tree.null(), "BOOLEAN"), "boolean")
        variable = self.variable()
        item = Value(tree.variable(variable), value.type, value.shape)
        answer = tree.case((tree.is_there(item.sql), self._is_member(item, self.value_sets[name])))
        asked_once = tree.each(tree.array(value.single()), variable, answer)
        return Value(tree.at(asked_once, 1), "boolean")

    def _is_member(self, item: Value, members: ValueSet) -> Sql:
        if item.type == "Coding":
            return self._within(item, members)
        if item.type == "CodeableConcept":
            codings = self.step(item, "coding")
            within = self._within(replace(codings, loop=None, parent=None), members)
            if codings.loop is None:
                return tree.coalesce(within, tree.boolean(False))
            conditions = (*codings.loop.conditions, within)
            return tree.is_filled(replace(codings.loop, conditions=conditions).filtered())
        if kind_of(item) != "text" or item.type in MOMENTS:
            raise ViewError(f"{self.source}: {TAKES}, not a {item.type}")
        try:
            return tree.among(item.sql, codes_alone(members))
        except ValueError as error:
            raise ViewError(f"{self.source}: {error}") from None

    def _within(self, coding: Value, members: ValueSet) -> Sql:
        """Whether a coding is in a set; never unknown."""
        system, code = (self.step(coding, name).sql for name in ("system", "code"))
        listed: dict[str, set[str]] = {one: set() for one in members.systems}
        for one, of_it in members.excluded if members.systems else ():
            listed.get(one, set()).add(of_it)
        for one, of_it in members.codings:
            if one not in members.systems:
                listed.setdefault(one, set()).add(of_it)
            else:
                listed[one].discard(of_it)
        branches = []
        for one, codes in sorted(listed.items()):
            among = tree.among(code, codes)
            if one in members.systems:
                among = tree.both(tree.is_there(code), tree.negated(among))
            branches.append((tree.binary("=", system, tree.text(one)), among))
        return tree.case(*branches, otherwise=tree.boolean(False))
