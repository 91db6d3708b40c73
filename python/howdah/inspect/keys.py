"""Plans the declarations of constraints: in their columns, or in `__constraints__`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from howdah import _core
from howdah.inspect import layout, sql
from howdah.inspect.relations import ON_DELETE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from howdah.inspect.catalog_model import FoundColumn, FoundConstraint, FoundTable


@dataclass(slots=True)
class DeclaredConstraints:
    """The declarations of a table's constraints.

    Attributes:
        key: The columns of the primary key.
        unique: The columns that are unique by themselves.
        checks: The checks of columns.
        constraints: The values in `__constraints__`.
        notes: Features that the class cannot declare.
    """

    key: set[str] = field(default_factory=set[str])
    unique: set[str] = field(default_factory=set[str])
    checks: dict[str, str] = field(default_factory=dict[str, str])
    constraints: list[layout.Value] = field(default_factory=list[layout.Value])
    notes: list[str] = field(default_factory=list[str])


class Keys:
    """Plans the declarations of one table's constraints."""

    def __init__(
        self,
        table: FoundTable,
        columns: Mapping[str, FoundColumn],
        references: Mapping[str, FoundConstraint],
    ) -> None:
        """Take the table, its columns, and its foreign keys that are references."""
        self._table = table
        self._columns = columns
        self._references = references
        self._declared = DeclaredConstraints()
        # The server makes one constraint of two with the same definition.
        self._definitions: set[str] = set()

    def plan(self, constraints: list[FoundConstraint]) -> DeclaredConstraints:
        """Return the declarations."""
        foreign = [one for one in constraints if one.kind == "f"]
        # The primary key first: a unique constraint may have the same definition.
        for constraint in sorted(constraints, key=lambda one: one.kind != "p"):
            match constraint.kind:
                case "p":
                    self._primary_key(constraint)
                case "u":
                    self._unique(constraint)
                case "c":
                    self._check(constraint)
                case "f":
                    self._foreign_key(constraint, foreign)
                case "n":
                    self._not_null(constraint)
                case _:
                    self._raw(constraint)
        return self._declared

    def _default_name(self, constraint: FoundConstraint, label: str) -> str:
        return _core.object_name(self._table.name, "_".join(constraint.columns), label)

    def _name(self, constraint: FoundConstraint, label: str) -> dict[str, layout.Value]:
        is_default = constraint.name == self._default_name(constraint, label)
        return {} if is_default else {"name": layout.string(constraint.name)}

    def _raw(self, constraint: FoundConstraint) -> None:
        definition = layout.string(constraint.definition.removesuffix(" NOT VALID"))
        named = {"name": layout.string(constraint.name)}
        self._declared.constraints.append(layout.call("pg.constraint", definition, named=named))

    def _is_duplicate(self, constraint: FoundConstraint) -> bool:
        definition = constraint.definition.removeprefix("PRIMARY KEY").removeprefix("UNIQUE")
        if definition not in self._definitions:
            self._definitions.add(definition)
            return False
        name = _core.qualified_name([constraint.name])
        self._declared.notes.append(f"ALTER TABLE {self._table.written} ADD CONSTRAINT {name} {constraint.definition}")
        return True

    def _primary_key(self, constraint: FoundConstraint) -> None:
        self._is_duplicate(constraint)
        self._declared.key = set(constraint.columns)
        in_order = [name for name in self._columns if name in self._declared.key]
        is_default = constraint.name == _core.object_name(self._table.name, "", "pkey")
        if not (is_default and constraint.is_plain and constraint.columns == in_order) or constraint.is_deferrable:
            self._raw(constraint)

    def _unique(self, constraint: FoundConstraint) -> None:
        if self._is_duplicate(constraint):
            return
        if not constraint.is_plain or constraint.is_deferrable:
            self._raw(constraint)
            return
        named = self._name(constraint, "key")
        if len(constraint.columns) == 1 and not named:
            self._declared.unique.add(constraint.columns[0])
            return
        columns = map(layout.string, constraint.columns)
        self._declared.constraints.append(layout.call("pg.unique", *columns, named=named))

    def _check(self, constraint: FoundConstraint) -> None:
        if not constraint.is_plain or constraint.condition is None:
            self._raw(constraint)
            return
        condition = sql.bare(constraint.condition)
        if len(constraint.columns) == 1 and constraint.name == self._default_name(constraint, "check"):
            (column,) = constraint.columns
            # ref() takes none.
            if column not in self._references:
                self._declared.checks[column] = condition
                return
        named = {"name": layout.string(constraint.name)}
        self._declared.constraints.append(layout.call("pg.check", layout.string(condition), named=named))

    def _foreign_key(self, constraint: FoundConstraint, foreign: list[FoundConstraint]) -> None:
        named = self._name(constraint, "fkey")
        is_plain = constraint.is_simple and constraint.is_plain and not constraint.is_deferrable
        action = ON_DELETE.get(constraint.on_delete)
        schema, name = constraint.target_name
        table = dotted(schema, name, is_current=constraint.target_is_current)
        is_own_index = constraint.target == self._table.oid and not constraint.target_has_constraint
        if not is_plain or action is None or table is None or is_own_index:
            self._raw(constraint)
            return
        alone = [one for one in foreign if one.columns == constraint.columns]
        if constraint in self._references.values() and not named and len(alone) == 1:
            return
        arguments: dict[str, layout.Value] = {
            "table": layout.string(table),
            "target_columns": layout.strings(constraint.target_columns),
        }
        if action != "no action":
            arguments["on_delete"] = layout.string(action)
        columns = map(layout.string, constraint.columns)
        self._declared.constraints.append(layout.call("pg.foreign_key", *columns, named=arguments | named))

    def _not_null(self, constraint: FoundConstraint) -> None:
        if not constraint.is_plain:
            name = _core.qualified_name([constraint.name])
            self._declared.notes.append(f"CONSTRAINT {name} {constraint.definition}")
        elif constraint.name != self._default_name(constraint, "not_null"):
            self._raw(constraint)


def dotted(schema: str, name: str, *, is_current: bool) -> str | None:
    """Return a table's name as `__table__` takes it, or None: the first dot separates the schema from the table."""
    if is_current:
        return f".{name}" if "." in name else name
    return None if "." in schema else f"{schema}.{name}"
