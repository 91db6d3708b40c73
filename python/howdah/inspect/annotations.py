"""Maps the SQL types of columns to Python annotations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from howdah.inspect.catalog_model import FoundColumn, FoundType

JSON: Final = "dict[str, Any]"
# The types of values in rows; values of other types are strings.
PLAIN: Final = {
    "bool": "bool",
    "int2": "int",
    "int4": "int",
    "int8": "int",
    "oid": "int",
    "float4": "float",
    "float8": "float",
    "numeric": "Decimal",
    "bytea": "bytes",
    "date": "dt.date",
    "time": "dt.time",
    "timestamp": "dt.datetime",
    "timestamptz": "dt.datetime",
    "interval": "Interval",
    "uuid": "UUID",
    "json": JSON,
    "jsonb": JSON,
    "inet": "ipaddress.IPv4Address | ipaddress.IPv6Address",
    "cidr": "ipaddress.IPv4Network | ipaddress.IPv6Network",
}
RANGES: Final = ("int4range", "int8range", "numrange", "daterange", "tsrange", "tstzrange")
MULTIRANGES: Final = ("int4multirange", "int8multirange", "nummultirange", "datemultirange", "tsmultirange")
VECTORS: Final = ("vector", "halfvec")
# The SQL types of annotations; for any other type, col() names it.
IMPLIED: Final = {
    "bool": "boolean",
    "int": "bigint",
    "float": "double precision",
    "str": "text",
    "bytes": "bytea",
    "Decimal": "numeric",
    "dt.date": "date",
    "dt.time": "time without time zone",
    "dt.datetime": "timestamp with time zone",
    "Interval": "interval",
    "UUID": "uuid",
    JSON: "jsonb",
    "list[Any]": "jsonb",
    "Range[int]": "int8range",
    "Range[Decimal]": "numrange",
    "Range[dt.date]": "daterange",
    "Range[dt.datetime]": "tstzrange",
    "Vector": "vector",
}


class Annotations:
    """Gives the annotations of columns."""

    def __init__(self, types: Mapping[int, FoundType], enums: Mapping[int, str]) -> None:
        """Take the types, and the classes of enums, by OID."""
        self._types = types
        self._enums = enums

    def of(self, column: FoundColumn) -> str:
        """Return the annotation of a column that is not NULL."""
        found = self._types[column.type]
        if found.element:
            element = self._of(found.element)
            dimensions = max(column.dimensions, 1)
            return "list[" * dimensions + element + "]" * dimensions
        # The default is the only information about the values of a JSON column.
        if found.name in {"json", "jsonb"} and column.default is not None and column.default.startswith("'["):
            return "list[Any]"
        return self._of(column.type)

    def _of(self, number: int) -> str:  # noqa: PLR0911  (one for each kind)
        found = self._types[number]
        if found.base:
            return self._of(found.base)
        if found.element:
            return f"list[{self._of(found.element)}]"
        if number in self._enums:
            return self._enums[number]
        if found.schema == "pg_catalog":
            if found.name in RANGES:
                return f"Range[{self._of(found.subtype)}]"
            if found.name in {*MULTIRANGES, "tstzmultirange"}:
                return f"list[Range[{self._of(found.subtype)}]]"
            return PLAIN.get(found.name, "str")
        return "Vector" if found.name in VECTORS else "str"

    def override(self, column: FoundColumn) -> str | None:
        """Return the SQL type that `col()` has to name; None if the annotation implies it."""
        found = self._types[column.type]
        if not found.element:
            number, depth = column.type, 0
        else:
            number, depth = found.element, max(column.dimensions, 1)
        annotation = self.of(column)
        inner = annotation.removeprefix("list[" * depth).removesuffix("]" * depth) if depth else annotation
        if self._types[number].kind == "e":
            known: str | None = self._types[number].written
        else:
            known = IMPLIED.get(inner)
        # A list of JSON values is a JSON value.
        if known is not None and not (depth and known == "jsonb") and column.type_sql == known + "[]" * min(depth, 1):
            return None
        return column.type_sql + "[]" * max(depth - 1, 0)
