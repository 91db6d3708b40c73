"""Binary COPY without a connection, for those who bring their own driver.

`encode` turns rows into the bytes that `COPY … FROM STDIN (FORMAT binary)` takes, and `decode` turns the bytes of
`COPY … TO STDOUT (FORMAT binary)` into Arrow. The bytes do not contain the types of the columns, so both take them.

Example:
    >>> from howdah import codec
    >>> columns = {"id": "bigint", "name": "varchar(10)", "price": "numeric(12,2)"}
    >>> rows = [{"id": 1, "name": "Ann", "price": 10}, {"id": 2, "name": None, "price": 0.25}]
    >>> chunks = list(codec.encode(rows, columns))
    >>> codec.decode(chunks, columns).to_arrow().to_pylist()
    [{'id': 1, 'name': 'Ann', 'price': Decimal('10.00')}, {'id': 2, 'name': None, 'price': Decimal('0.25')}]
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from howdah import _core
from howdah.reader import ArrowReader

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from howdah.bulk import OutOfRange, Rows

    Bytes: TypeAlias = bytes | bytearray | memoryview

__all__ = ["Array", "Columns", "Enum", "Type", "decode", "encode"]


@dataclass(frozen=True, slots=True)
class Enum:
    """An enum type.

    Attributes:
        name: Its name, for error messages.
        labels: All its labels, in their order at the server.

    Example:
        >>> from howdah import codec
        >>> columns = {"mood": codec.Enum("mood", ["sad", "ok", "happy"])}
        >>> codec.decode(codec.encode([("ok",)], columns), columns).to_arrow()["mood"].to_pylist()
        ['ok']
    """

    name: str
    labels: Sequence[str]


@dataclass(frozen=True, slots=True)
class Array:
    """An array of a type that is not built-in. Arrays of built-in types are named: `"int4[]"`.

    Attributes:
        element: The type of the elements: its SQL name, or an `Enum`.
        element_oid: The OID of that type at the server, which every value of the array contains
            (`SELECT 'mood'::regtype::oid`). Those of built-in types are known.

    Example:
        >>> from howdah import codec
        >>> columns = {"moods": codec.Array(codec.Enum("mood", ["sad", "ok"]), element_oid=16400)}
        >>> codec.decode(codec.encode([(["ok", None],)], columns), columns).to_arrow()["moods"].to_pylist()
        [['ok', None]]
    """

    element: str | Enum
    element_oid: int | None = None


Type: TypeAlias = str | Enum | Array
Columns: TypeAlias = "Mapping[str, Type] | Iterable[tuple[str, Type]]"


def encode(data: Rows, columns: Columns) -> Iterator[bytes]:
    """Encode rows as the data of a `COPY table (columns) FROM STDIN (FORMAT binary)`.

    The COPY must name the same columns in the same order, and the table must have them with these types. What the
    server would silently round or cut is refused, as in `Database.load`. If an error is raised, end the COPY with an
    error, too: then the server stores nothing.

    Args:
        data: The rows: Arrow data or a data frame, which need not have the order of the columns, or an iterable of
            dicts, tuples or dataclasses. They are read while chunks are taken.
        columns: The names and types of the columns, in the order of the COPY. A type is an SQL name with its modifier,
            or as the server's `format_type` writes it, an `Enum` or an `Array`. A domain has the format of its base
            type: name that.

    Returns:
        An iterator over chunks of at most 256 KiB, which may end within a row.

    Raises:
        InterfaceError: A type is unknown, or needs a description.
        NotSupportedError: howdah has no codec for a type.
        ProgrammingError: The data lacks columns, or has others, or of types that do not fit.
        DataError: A value that does not fit; raised while chunks are taken, with `column` and `row`.

    Example:
        >>> from howdah import codec
        >>> chunks = codec.encode([(1, "Ann"), (2, "Bo")], {"id": "bigint", "name": "text"})
        >>> with psycopg.connect(url) as connection, connection.cursor() as cursor:
        ...     _ = cursor.execute("CREATE TABLE people (id bigint, name text)")
        ...     with cursor.copy("COPY people (id, name) FROM STDIN (FORMAT binary)") as copy:
        ...         for chunk in chunks:
        ...             copy.write(chunk)
        ...     cursor.rowcount
        2
    """
    return _core.encode_copy(data, _described(columns))


def decode(
    chunks: Iterable[Bytes] | Bytes,
    columns: Columns,
    *,
    batch_rows: int = 65_536,
    types: Mapping[str, Any] | None = None,
    out_of_range: OutOfRange = "error",
) -> ArrowReader:
    """Decode the data of a `COPY … TO STDOUT (FORMAT binary)` as Arrow.

    Args:
        chunks: The data, cut anywhere: an iterable of bytes, or all of it. It is taken while batches are read.
        columns: The names and types of the columns, in the order of the COPY; see `encode`. The names need not be those
            at the server.
        batch_rows: The most rows a record batch has.
        types: Arrow types by column, as in `Database.read`.
        out_of_range: What happens to a value that Arrow cannot hold, as in `Database.read`.

    Returns:
        The rows as a stream of record batches, which polars, pyarrow, DuckDB and pandas accept.

    Raises:
        InterfaceError: A type is unknown, or needs a description.
        NotSupportedError: howdah has no codec for a type.
        ProgrammingError: `types` names a column that there is not.
        DataError: The data is malformed, or a value does not fit; raised while batches are read, with the `column`, if
            there is one, and the `row`.

    Example:
        >>> from howdah import codec
        >>> with psycopg.connect(url) as connection, connection.cursor() as cursor:
        ...     with cursor.copy("COPY (SELECT 7, 'Ann') TO STDOUT (FORMAT binary)") as copy:
        ...         codec.decode(copy, [("id", "int"), ("name", "text")]).to_arrow().to_pylist()
        [{'id': 7, 'name': 'Ann'}]
    """
    asked = None if types is None else dict(types)
    return ArrowReader(_core.decode_copy(chunks, _described(columns), batch_rows, asked, out_of_range))


def _described(columns: Columns) -> list[tuple[str, object]]:
    """Return the columns as the core takes them."""
    pairs: Iterable[object] = columns
    if isinstance(columns, Mapping):
        pairs = cast("Mapping[str, Type]", columns).items()
    return [_column(pair) for pair in pairs]


def _column(pair: object) -> tuple[str, object]:
    match cast("tuple[object, ...]", pair):
        case (str() as name, given):
            return name, _type(given)
        case _:
            message = f"expected columns as a mapping of names to types, or pairs of them, got {type(pair).__name__}"
            raise TypeError(message)


def _type(given: object) -> object:
    match given:
        case Enum():
            return given.name, list(given.labels)
        case Array():
            return _type(given.element), given.element_oid
        case str():
            return given
        case _:
            message = f"expected the type of a column as a str, an Enum or an Array, got {type(given).__name__}"
            raise TypeError(message)
