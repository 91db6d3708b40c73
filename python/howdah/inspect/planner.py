"""Plans the source: which classes it has, and which attributes they have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from howdah.expressions.values import snake_case
from howdah.inspect import columns as column_plans
from howdah.inspect import indexes, names, relations
from howdah.inspect.annotations import Annotations
from howdah.inspect.keys import Keys, dotted
from howdah.inspect.model import EnumModel, ModuleModel, Relation, TableModel

if TYPE_CHECKING:
    from howdah.inspect.catalog_model import Catalog, FoundConstraint, FoundTable, FoundType
    from howdah.inspect.names import Names


def plan(found: Catalog) -> ModuleModel:
    """Plan the source.

    Args:
        found: The catalogue.

    Returns:
        The source as data, for `codegen`.
    """
    return _Planner(found).module()


class _Planner:
    def __init__(self, found: Catalog) -> None:
        self._found = found
        self._tables = {table.oid: table for table in found.tables if _refusal(found, table) is None}
        class_names = names.classes()
        self._classes = {
            table.oid: class_names.take(
                names.class_name(table.name),
                names.class_name(f"{table.name}_row" if table.is_current else f"{table.schema}_{table.name}"),
            )
            for table in self._tables.values()
        }
        self._enums = {
            one.oid: class_names.take(names.class_name(one.name, "Enum"), names.class_name(f"{one.name}_enum", "Enum"))
            for one in found.types.values()
            if one.kind == "e"
        }
        self._annotations = Annotations(found.types, self._enums)
        all_classes = [*self._classes.values(), *self._enums.values()]
        self._taken = {oid: names.attributes(all_classes) for oid in self._tables}

    def module(self) -> ModuleModel:
        """Return the source as data."""
        found = self._found
        references = {oid: relations.references(found, table, self._tables) for oid, table in self._tables.items()}
        related: dict[int, list[Relation]] = {}
        attributes: dict[int, dict[str, str]] = {}
        for oid in self._tables:
            attributes[oid] = self._attributes(oid, references[oid])
            related[oid] = self._relations(oid, references[oid])
        models = [
            self._table(table, attributes[oid], related[oid], references[oid]) for oid, table in self._tables.items()
        ]
        collections = relations.collections(found, related, self._classes, self._taken)
        for model in models:
            model.collections = collections.get(model.found.oid, [])
            model.notes += [one.text for one in found.unsupported if one.table == model.found.oid]
        enums = [_enum(found.types[oid], name) for oid, name in self._enums.items()]
        left = [reason for table in found.tables if (reason := _refusal(found, table)) is not None]
        left += [one.text for one in found.unsupported if one.table not in self._tables]
        return ModuleModel(found.schemas, found.needed + self._targets(), enums, models, left)

    def _targets(self) -> list[str]:
        """Return the tables that foreign keys refer to and that are not in the source."""
        missing = {
            ".".join(constraint.target_name)
            for oid in self._tables
            for constraint in self._found.constraints.get(oid, [])
            if constraint.kind == "f" and constraint.target not in self._tables
        }
        return [f"table {name}" for name in sorted(missing)]

    def _attributes(self, table: int, references: dict[str, FoundConstraint]) -> dict[str, str]:
        """Return the attributes of columns that are not references; names that need no change are reserved first."""
        taken = self._taken[table]
        own = [column.name for column in self._found.columns[table] if column.name not in references]
        same = {name: taken.take(name) for name in own if names.identifier(name, "") == name and taken.is_free(name)}
        return {name: same.get(name) or taken.take(names.identifier(name, "column")) for name in own}

    def _relations(self, table: int, references: dict[str, FoundConstraint]) -> list[Relation]:
        found = self._found
        return [
            Relation(
                constraint,
                relations.reference_name(name, self._taken[table]),
                self._tables[constraint.target],
                relations.is_single(found, table, name),
            )
            for name, constraint in references.items()
        ]

    def _table(
        self,
        table: FoundTable,
        attributes: dict[str, str],
        related: list[Relation],
        references: dict[str, FoundConstraint],
    ) -> TableModel:
        found, name = self._found, self._classes[table.oid]
        columns = {column.name: column for column in found.columns[table.oid]}
        written = dotted(table.schema, table.name, is_current=table.is_current)
        model = TableModel(table, name, None if written == snake_case(name) else written)
        declared = Keys(table, columns, references).plan(found.constraints.get(table.oid, []))
        model.constraints, model.notes = declared.constraints, declared.notes
        indexed: dict[str, str] = {}
        for index in found.indexes.get(table.oid, []):
            if not index.is_valid:
                continue
            of_column = indexes.column_index(table, index, columns)
            if of_column is not None:
                indexed[str(index.keys[0])] = of_column
            else:
                model.indexes.append(indexes.declared(table, index, columns))
        by_column = {one.constraint.columns[0]: one for one in related}
        for column in columns.values():
            index_of = indexed.get(column.name)
            relation = by_column.get(column.name)
            if relation is None:
                attribute = column_plans.column(column, attributes[column.name], self._annotations, declared, index_of)
            else:
                target = self._classes[relation.target.oid]
                attribute = column_plans.reference(column, relation, target, declared, index_of)
            model.columns.append(attribute)
        return model


def _refusal(found: Catalog, table: FoundTable) -> str | None:
    """Return why a table cannot be a class; None if it can."""
    if not found.columns.get(table.oid):
        return f"table {table.written} has no columns"
    if dotted(table.schema, table.name, is_current=table.is_current) is None:
        return f"table {table.written} is in a schema with a dot in its name"
    return None


def _enum(found: FoundType, name: str) -> EnumModel:
    taken: Names = names.members()
    members = [(taken.take(names.identifier(label, "label")), label) for label in found.labels]
    return EnumModel(name, None if found.written == snake_case(name) else found.written, members)
