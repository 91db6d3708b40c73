"""Plans relations: which foreign keys are references, and which collections the other tables have."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from howdah.expressions.values import snake_case
from howdah.inspect import layout, names
from howdah.inspect.model import Attribute, Relation

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from howdah.inspect.catalog_model import Catalog, FoundColumn, FoundConstraint, FoundTable
    from howdah.inspect.names import Names

# https://www.postgresql.org/docs/current/catalog-pg-constraint.html; ref() does not support `set default`.
ON_DELETE: Final = {"a": "no action", "r": "restrict", "c": "cascade", "n": "set null"}


def primary_key(found: Catalog, table: int) -> list[str]:
    """Return the columns of a table's primary key."""
    keys = [one.columns for one in found.constraints.get(table, []) if one.kind == "p"]
    return keys[0] if keys else []


def references(found: Catalog, table: FoundTable, tables: Mapping[int, FoundTable]) -> dict[str, FoundConstraint]:
    """Return the foreign keys of a table that are references, by their columns: each refers to a whole primary key."""
    columns = {column.name: column for column in found.columns[table.oid]}
    given: dict[str, FoundConstraint] = {}
    for constraint in found.constraints.get(table.oid, []):
        if constraint.kind != "f" or len(constraint.columns) != 1 or constraint.target not in tables:
            continue
        column = columns[constraint.columns[0]]
        if constraint.target_columns != primary_key(found, constraint.target) or column.name in given:
            continue
        (target,) = (one for one in found.columns[constraint.target] if one.name == constraint.target_columns[0])
        if _is_reference(column, target, constraint):
            given[column.name] = constraint
    return given


def _is_reference(column: FoundColumn, target: FoundColumn, constraint: FoundConstraint) -> bool:
    """Return whether `ref()` would declare this column: it has the type of the other table's key and no default."""
    is_same = (column.type, column.modifier) == (target.type, target.modifier)
    fills_itself = bool(column.identity) or column.default is not None
    return is_same and not fills_itself and not (column.required and constraint.on_delete == "n")


def is_single(found: Catalog, table: int, column: str) -> bool:
    """Return whether no two rows of a table have the same value in a column."""
    keys = [one.columns for one in found.constraints.get(table, []) if one.kind in {"p", "u"}]
    keys += [one.keys for one in found.indexes.get(table, []) if one.unique and one.condition is None]  # type: ignore[misc]
    return [column] in keys


def reference_name(column: str, taken: Names) -> str:
    """Return the attribute of a reference; reserve it and the attribute of its key, which ends in `_id`."""
    base = names.identifier(column.removesuffix("_id") if column != "_id" else column, "reference")
    candidates = [base, f"{base}_ref", *(f"{base}_ref{number}" for number in range(2, 1000))]
    name = next(one for one in candidates if taken.is_free(one) and taken.is_free(f"{one}_id"))
    taken.take(f"{name}_id")
    return taken.take(name)


class _Collection:
    """A collection of a class: rows of another table, or, through an association table, of a third one."""

    def __init__(self, name: str, long_name: str, annotation: str, value: layout.Value) -> None:
        self.name = name
        self.long_name = long_name
        self.annotation = annotation
        self.value = value


def collections(
    found: Catalog,
    relations: Mapping[int, list[Relation]],
    classes: Mapping[int, str],
    taken: Mapping[int, Names],
) -> dict[int, list[Attribute]]:
    """Return the collections of tables.

    Args:
        found: The catalogue.
        relations: The references of tables, by OID.
        classes: The names of tables' classes.
        taken: The names of their attributes.

    Returns:
        Their attributes, by the tables' OIDs.
    """
    by_table: dict[int, list[_Collection]] = {}
    for table in found.tables:
        own = relations.get(table.oid, [])
        pair = _between(found, table, own)
        if pair is not None:
            for near, far in (pair, pair[::-1]):
                by_table.setdefault(near.target.oid, []).append(_through(table, near, far, classes))
        if pair is None or len(found.columns[table.oid]) > len(pair):
            for one in own:
                by_table.setdefault(one.target.oid, []).append(_direct(table, one, classes))
    return {table: _named(some, taken[table]) for table, some in by_table.items()}


def _named(found: Iterable[_Collection], taken: Names) -> list[Attribute]:
    # If two have the same name, both get their longer names.
    times = Counter(one.name for one in found)
    named: list[Attribute] = []
    for one in found:
        name = taken.take(*([one.name] if times[one.name] == 1 else []), one.long_name)
        named.append(Attribute(name, one.annotation, one.value))
    return named


def _between(found: Catalog, table: FoundTable, own: list[Relation]) -> tuple[Relation, Relation] | None:
    """Return the two references of an association table: they are its primary key, and its only references."""
    key = primary_key(found, table.oid)
    if len(own) == len(key) == 2 and {one.constraint.columns[0] for one in own} == set(key):  # noqa: PLR2004
        return own[0], own[1]
    return None


def _singular(table: FoundTable) -> str:
    return names.identifier(snake_case(table.name), "rows")


def _direct(table: FoundTable, relation: Relation, classes: Mapping[int, str]) -> _Collection:
    kind, function = ("One", "pg.one") if relation.is_single else ("Many", "pg.many")
    short = _singular(table) if relation.is_single else names.plural(_singular(table))
    value = layout.call(function, named={"via": layout.string(relation.attribute)})
    return _Collection(short, f"{short}_by_{relation.attribute}", f"{kind}[{classes[table.oid]}]", value)


def _through(table: FoundTable, near: Relation, far: Relation, classes: Mapping[int, str]) -> _Collection:
    # Related rows of the same table are named after the reference.
    is_own = near.target.oid == far.target.oid
    short = names.plural(far.attribute if is_own else _singular(far.target))
    through = layout.string(classes[table.oid])
    value = layout.call("pg.many", named={"via": layout.string(near.attribute), "through": through})
    return _Collection(short, f"{short}_through_{_singular(table)}", f"Many[{classes[far.target.oid]}]", value)
