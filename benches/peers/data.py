"""The data of a run, the tables it goes into, and the checksums that prove it arrived."""

from __future__ import annotations

import datetime as dt
import io
import random
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from psycopg import sql

from datasets.lineitem import lineitem

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

Connection: TypeAlias = "psycopg.Connection[Any]"

SCALE = 1.0
BATCH_ROWS = 65_536
SMALL_ROWS = 1_000


class Target(NamedTuple):
    """A table of the bench: its name and its columns' PostgreSQL types."""

    name: str
    columns: dict[str, str]

    @property
    def reference(self) -> str:
        """The name of the table that holds the source, brought there as CSV."""
        return f"{self.name}_reference"


LINEITEM_COLUMNS = {
    "l_orderkey": "int8",
    "l_partkey": "int8",
    "l_suppkey": "int8",
    "l_linenumber": "int4",
    "l_quantity": "numeric(15,2)",
    "l_extendedprice": "numeric(15,2)",
    "l_discount": "numeric(15,2)",
    "l_tax": "numeric(15,2)",
    "l_returnflag": "text",
    "l_linestatus": "text",
    "l_shipdate": "date",
    "l_commitdate": "date",
    "l_receiptdate": "date",
    "l_shipinstruct": "text",
    "l_shipmode": "text",
    "l_comment": "text",
}
SMALL_COLUMNS = {"id": "int8", "name": "text", "email": "text", "age": "int4", "score": "float8", "seen": "timestamptz"}


class UnequalError(Exception):
    """What a contestant stored or returned is not the source's data."""


def lineitem_table(rows: int) -> pa.Table:
    """Return the first so many rows of lineitem at scale 1, in batches of ``BATCH_ROWS``."""
    table = pq.read_table(lineitem(SCALE, rows))
    return pa.Table.from_batches(table.combine_chunks().to_batches(BATCH_ROWS))


def small_table(count: int = SMALL_ROWS) -> pa.Table:
    """Return rows as an application writes them, always the same."""
    dice = random.Random(2013)  # noqa: S311 (nothing here is secret)
    start = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    rows = [
        {
            "id": number,
            "name": f"Person {dice.randrange(10**6)}",
            "email": f"person.{number}@example.com",
            "age": dice.randrange(18, 90),
            "score": dice.random() * 100,
            "seen": start + dt.timedelta(microseconds=dice.randrange(10**13)),
        }
        for number in range(count)
    ]
    schema = pa.schema(
        {
            "id": pa.int64(),
            "name": pa.string(),
            "email": pa.string(),
            "age": pa.int32(),
            "score": pa.float64(),
            "seen": pa.timestamp("us", "UTC"),
        }
    )
    return pa.Table.from_pylist(rows, schema)


@contextmanager
def table(admin: Connection, name: str, target: Target) -> Iterator[None]:
    """Make an empty table and drop it at the end; autovacuum leaves it alone, so that it disturbs no one's turn."""
    columns = sql.SQL(", ").join(
        sql.SQL("{} {} NOT NULL").format(sql.Identifier(column), sql.SQL(type_name))
        for column, type_name in target.columns.items()
    )
    create = sql.SQL("CREATE TABLE {} ({}) WITH (autovacuum_enabled = off)")
    admin.execute(create.format(sql.Identifier(name), columns))
    try:
        yield
    finally:
        admin.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(name)))


@contextmanager
def reference(admin: Connection, target: Target, source: pa.Table) -> Iterator[None]:
    """Make a target's reference table, which holds the source, and drop it at the end."""
    with table(admin, target.reference, target):
        _copy_as_csv(admin, target.reference, source)
        yield


def _copy_as_csv(admin: Connection, name: str, source: pa.Table) -> None:
    """Bring the source into a table as text, a road that no contestant takes."""
    options = pyarrow.csv.WriteOptions(include_header=False)
    query = sql.SQL("COPY {} FROM STDIN (FORMAT csv)").format(sql.Identifier(name))
    with admin.cursor() as cursor, cursor.copy(query) as copy:
        for batch in source.to_batches(BATCH_ROWS):
            text = io.BytesIO()
            pyarrow.csv.write_csv(pa.Table.from_batches([batch]), text, options)
            copy.write(text.getvalue())


def empty(admin: Connection, name: str) -> None:
    """Empty a table and write out what the server holds back, so that no turn pays for the one before it."""
    admin.execute(sql.SQL("TRUNCATE {}").format(sql.Identifier(name)))
    admin.execute("CHECKPOINT")


def check_stored(admin: Connection, contestant: str, target: Target) -> None:
    """Compare a target's table with its reference by row count and a checksum of all its rows' texts.

    Raises:
        UnequalError: they differ; the message names the columns that do.
    """
    row = sql.SQL("t::text")
    if _checksum(admin, target.name, row) == _checksum(admin, target.reference, row):
        return
    odd = [
        column
        for column in target.columns
        if _checksum(admin, target.name, _text(column)) != _checksum(admin, target.reference, _text(column))
    ]
    where = ", ".join(odd) or "which values stand in one row"
    message = f'{contestant}: table "{target.name}" differs from the source in {where}'
    raise UnequalError(message)


def _text(column: str) -> sql.Composable:
    return sql.SQL("{}::text").format(sql.Identifier(column))


def _checksum(admin: Connection, name: str, text: sql.Composable) -> tuple[Any, ...] | None:
    """Return the number of rows and the sum of the hashes of a text of each row, whatever the rows' order."""
    query = sql.SQL("SELECT count(*), sum(hashtextextended({}, 0)::numeric) FROM {} AS t")
    return admin.execute(query.format(text, sql.Identifier(name))).fetchone()


def check_read(contestant: str, result: pa.Table, source: pa.Table) -> None:
    """Compare a result with the source column by column, after bringing its types to the source's.

    Raises:
        UnequalError: names, number of rows or values differ.
        pyarrow.ArrowInvalid: a value cannot be brought to the source's type unchanged.
    """
    if result.column_names != source.column_names or result.num_rows != source.num_rows:
        expected, got = (f"{rows.num_rows} rows of {rows.column_names}" for rows in (source, result))
        message = f"{contestant}: expected {expected}, got {got}"
        raise UnequalError(message)
    columns = []
    for field, column in zip(source.schema, result.columns, strict=True):
        storage = [getattr(chunk, "storage", chunk) for chunk in column.chunks]
        columns.append(pa.chunked_array(storage).cast(field.type))
    # A sequential scan may begin in the middle of a table, so order is not part of the comparison.
    key = [("l_orderkey", "ascending"), ("l_linenumber", "ascending")]
    sorted_result = pa.table(columns, names=source.column_names).sort_by(key)
    sorted_source = source.sort_by(key)
    odd = [name for name in source.column_names if not sorted_result[name].equals(sorted_source[name])]
    if odd:
        message = f"{contestant}: result differs from the source in {', '.join(odd)}"
        raise UnequalError(message)


def other_types(result: pa.Table, source: pa.Table) -> str:
    """Return in words which columns came back as another type than the source's."""
    columns_by_type: dict[str, list[str]] = {}
    for field in source.schema:
        got = result.schema.field(field.name).type
        if got != field.type:
            columns_by_type.setdefault(f"{got} for {field.type}", []).append(field.name)
    types = [f"{name} in {', '.join(columns)}" for name, columns in columns_by_type.items()]
    return "; ".join(types) or "every column in the source's type"
