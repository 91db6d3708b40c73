"""Plans the annotation and the value of a column's attribute."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from howdah.inspect import layout, sql
from howdah.inspect.model import Attribute
from howdah.inspect.relations import ON_DELETE

if TYPE_CHECKING:
    from howdah.inspect.annotations import Annotations
    from howdah.inspect.catalog_model import FoundColumn
    from howdah.inspect.keys import DeclaredConstraints
    from howdah.inspect.model import Relation

NUMERIC: Final = re.compile(r"numeric\((\d+),(-?\d+)\)")
VECTOR: Final = re.compile(r"vector\((\d+)\)")

Named = dict[str, layout.Value]


def reference(
    column: FoundColumn, relation: Relation, target_class: str, declared: DeclaredConstraints, index: str | None
) -> Attribute:
    """Return the attribute of a column that refers to another table."""
    named: Named = {}
    action = ON_DELETE.get(relation.constraint.on_delete, "no action")
    if action != "no action":
        named["on_delete"] = layout.string(action)
    if not column.required:
        named["default"] = "None"
    named |= _keys(column, declared, index)
    if column.name != f"{relation.attribute}_id":
        named["name"] = layout.string(column.name)
    value = layout.call("pg.ref", named=named) if named else None
    target = target_class if column.required else f"{target_class} | None"
    return Attribute(relation.attribute, f"Ref[{target}]", value)


def column(
    found: FoundColumn, attribute: str, annotations: Annotations, declared: DeclaredConstraints, index: str | None
) -> Attribute:
    """Return the attribute of any other column."""
    annotation = annotations.of(found)
    if not found.required:
        annotation = f"{annotation} | None"
    override = annotations.override(found)
    named = _keys(found, declared, index)
    if found.name in declared.checks:
        named["check"] = layout.string(declared.checks[found.name])
    if attribute != found.name:
        named["name"] = layout.string(found.name)
    if override is None:
        typed: Named = {}
    elif found.identity or found.default is not None:
        typed = {"type": layout.string(override)}
    else:
        typed = _sized(found, override)
    return Attribute(attribute, f"Col[{annotation}]", _value(found, named | typed))


def _keys(found: FoundColumn, declared: DeclaredConstraints, index: str | None) -> Named:
    named: Named = {}
    if found.name in declared.key:
        named["primary_key"] = "True"
    if found.name in declared.unique:
        named["unique"] = "True"
    if index is not None:
        named["index"] = index
    return named


def _sized(found: FoundColumn, override: str) -> Named:
    """Return a type as arguments of `col()`: `precision` and `scale`, or `dim`, or else `type`."""
    numeric, vector = NUMERIC.fullmatch(found.type_sql), VECTOR.fullmatch(found.type_sql)
    if numeric:
        return {"precision": numeric[1], "scale": numeric[2]}
    return {"dim": vector[1]} if vector else {"type": layout.string(override)}


def _value(found: FoundColumn, named: Named) -> layout.Value | None:
    if found.identity:
        is_key = named.pop("primary_key", None) is not None
        first: Named = {} if is_key else {"primary_key": "False"}
        if found.identity == "a":
            first["always"] = "True"
        return layout.call("pg.identity", named=first | named)
    if found.generated:
        first = {"stored": "False"} if found.generated == "v" else {}
        expression = layout.string(sql.bare(found.default or ""))
        return layout.call("pg.generated", expression, named=first | named)
    if found.default is not None:
        return layout.call("pg.server_default", layout.string(found.default), named=named)
    if not found.required:
        return layout.call("col", named={"default": "None", **named})
    return layout.call("col", named=named) if named else None
