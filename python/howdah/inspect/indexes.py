"""Plans the declarations of indexes: in their columns, or in `__indexes__`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from howdah import _core
from howdah.inspect import layout, sql

if TYPE_CHECKING:
    from collections.abc import Mapping

    from howdah.inspect.catalog_model import FoundColumn, FoundIndex, FoundTable

# An operator class, and nothing more.
OPERATORS: Final = re.compile(r" (?!DESC\b|NULLS\b|COLLATE\b)[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)?")


def keys(index: FoundIndex, columns: Mapping[str, FoundColumn]) -> list[str]:
    """Return an index's keys: columns by their plain names, and expressions, each with what comes after it."""
    begin = sql.after(index.definition, f" USING {index.method_sql} (")
    written = sql.split(index.definition[begin : sql.closing(index.definition, begin - 1)])
    return [
        text if name is None else name + text[len(columns[name].written) :]
        for name, text in zip(index.keys, written, strict=True)
    ]


def default_name(table: FoundTable, index: FoundIndex) -> str | None:
    """Return the name that an index of columns has if it is given none."""
    parts = [*index.keys, *index.included]
    named = [part for part in parts if part is not None]
    return _core.object_name(table.name, "_".join(named), "idx") if len(named) == len(parts) else None


def column_index(table: FoundTable, index: FoundIndex, columns: Mapping[str, FoundColumn]) -> str | None:
    """Return what a column says of an index of its own, as `index=` takes it; None if it takes more words."""
    if len(index.keys) != 1 or index.name != default_name(table, index):
        return None
    if index.unique or index.included or index.condition is not None or index.options or index.nulls_same:
        return None
    (key,), (name,) = keys(index, columns), index.keys
    rest = key.removeprefix(str(name))
    if rest and not OPERATORS.fullmatch(rest):
        return None
    return "True" if index.method == "btree" and not rest else layout.string(index.method + rest)


def declared(table: FoundTable, index: FoundIndex, columns: Mapping[str, FoundColumn]) -> layout.Value:
    """Return the declaration of an index."""
    named: dict[str, layout.Value] = {}
    if index.method != "btree":
        named["using"] = layout.string(index.method)
    if index.condition is not None:
        named["where"] = layout.string(sql.bare(index.condition))
    if index.unique:
        named["unique"] = "True"
    if index.name != default_name(table, index):
        named["name"] = layout.string(index.name)
    if index.options:
        named["options"] = layout.dict_of(dict(_option(one) for one in index.options))
    if index.included:
        named["include"] = layout.strings(index.included)
    if index.nulls_same:
        named["nulls_distinct"] = "False"
    return layout.call("pg.index", *map(layout.string, keys(index, columns)), named=named)


def _option(one: str) -> tuple[str, str]:
    name, _, value = one.partition("=")
    # More digits would be written with underscores, or another way than they were.
    return name, value if re.fullmatch(r"0|[1-9][0-9]{0,8}", value) else layout.string(value)
