"""Decides what the source says of what was found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from howdah.expressions.values import snake_case
from howdah.inspect import columns as beside
from howdah.inspect import indexes, names, relations
from howdah.inspect.annotations import Annotations
from howdah.inspect.drafts import EnumDraft, ModuleDraft, Relation, TableDraft
from howdah.inspect.keys import Keys, dotted

if TYPE_CHECKING:
    from howdah.inspect.catalogue import Catalogue, FoundConstraint, FoundTable, FoundType
    from howdah.inspect.names import Names


def decide(found: Catalogue) -> ModuleDraft:
    """Decide what the source says.

    Args:
        found: The catalogue.

    Returns:
        The source, to be written.
    """
    return _Deciding(found).module()


class _Deciding:
    def __init__(self, found: Catalogue) -> None:
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

    def module(self) -> ModuleDraft:
        """Give the source."""
        found = self._found
        references = {oid: relations.references(found, table, self._tables) for oid, table in self._tables.items()}
        related: dict[int, list[Relation]] = {}
        attributes: dict[int, dict[str, str]] = {}
        for oid in self._tables:
            attributes[oid] = self._attributes(oid, references[oid])
            related[oid] = self._relations(oid, references[oid])
        drafts = [
            self._table(table, attributes[oid], related[oid], references[oid]) for oid, table in self._tables.items()
        ]
        collections = relations.collections(found, related, self._classes, self._taken)
        for draft in drafts:
            draft.collections = collections.get(draft.found.oid, [])
            draft.notes += [one.text for one in found.remainders if one.table == draft.found.oid]
        enums = [_enum(found.types[oid], name) for oid, name in self._enums.items()]
        left = [reason for table in found.tables if (reason := _refusal(found, table)) is not None]
        left += [one.text for one in found.remainders if one.table not in self._tables]
        return ModuleDraft(found.schemas, found.needed + self._targets(), enums, drafts, left)

    def _targets(self) -> list[str]:
        """Give the tables that are referred to and are not among these."""
        missing = {
            ".".join(constraint.target_name)
            for oid in self._tables
            for constraint in self._found.constraints.get(oid, [])
            if constraint.kind == "f" and constraint.target not in self._tables
        }
        return [f"table {name}" for name in sorted(missing)]

    def _attributes(self, table: int, references: dict[str, FoundConstraint]) -> dict[str, str]:
        """Give the attributes of columns that are no references; a name that can stay does so before others change."""
        taken = self._taken[table]
        own = [column.name for column in self._found.columns[table] if column.name not in references]
        kept = {name: taken.take(name) for name in own if names.identifier(name, "") == name and taken.is_free(name)}
        return {name: kept.get(name) or taken.take(names.identifier(name, "column")) for name in own}

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
    ) -> TableDraft:
        found, name = self._found, self._classes[table.oid]
        columns = {column.name: column for column in found.columns[table.oid]}
        written = dotted(table.schema, table.name, is_current=table.is_current)
        draft = TableDraft(table, name, None if written == snake_case(name) else written)
        said = Keys(table, columns, references).decide(found.constraints.get(table.oid, []))
        draft.constraints, draft.notes = said.constraints, said.notes
        indexed: dict[str, str] = {}
        for index in found.indexes.get(table.oid, []):
            if not index.is_valid:
                continue
            of_column = indexes.beside_column(table, index, columns)
            if of_column is not None:
                indexed[str(index.keys[0])] = of_column
            else:
                draft.indexes.append(indexes.declared(table, index, columns))
        by_column = {one.constraint.columns[0]: one for one in related}
        for column in columns.values():
            index_of = indexed.get(column.name)
            relation = by_column.get(column.name)
            if relation is None:
                attribute = beside.column(column, attributes[column.name], self._annotations, said, index_of)
            else:
                target = self._classes[relation.target.oid]
                attribute = beside.reference(column, relation, target, said, index_of)
            draft.columns.append(attribute)
        return draft


def _refusal(found: Catalogue, table: FoundTable) -> str | None:
    """Give why a table cannot be a class, if it cannot."""
    if not found.columns.get(table.oid):
        return f"table {table.written} has no columns"
    if dotted(table.schema, table.name, is_current=table.is_current) is None:
        return f"table {table.written} is in a schema with a dot in its name"
    return None


def _enum(found: FoundType, name: str) -> EnumDraft:
    taken: Names = names.members()
    members = [(taken.take(names.identifier(label, "label")), label) for label in found.labels]
    return EnumDraft(name, None if found.written == snake_case(name) else found.written, members)
