"""Tables between: rows go there by COPY, and from there by an INSERT, in one transaction."""

# What rows hold, and what is done with them, is of types that are known at run time alone.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from howdah import _core
from howdah.errors import DataError
from howdah.expressions.sources import Source
from howdah.queries.nodes import TUPLES
from howdah.tables.exactness import limit_of
from howdah.tables.targets import arrow_names, column_name, is_arrow

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Collection, Sequence

    from howdah._core import Tuples
    from howdah.async_statements import AsyncStatements
    from howdah.tables.schema import Column, TableSchema

    Node = tuple[Any, ...]
    Statement = dict[str, Any]

ORDER = "howdah_order"
# One name for all tables between: a statement that names one is prepared but once.
STAGED = "howdah_staged"


def order_of(schema: TableSchema) -> str:
    """Give the name of the column with the order of the rows, which none of a table's columns has."""
    name = ORDER
    while name in schema.by_name:
        name += "_"
    return name


@contextlib.asynccontextmanager
async def staging(
    db: AsyncStatements,
    schema: TableSchema,
    rows: Any,  # noqa: ANN401  (any rows)
    names: Sequence[str] | None,
    texts: Collection[str] = (),
) -> AsyncGenerator[tuple[Source, tuple[str, ...], int]]:
    """Load rows into a table that is there for a block, which is a transaction.

    Args:
        db: The database.
        schema: The table that they are for.
        rows: Arrow data, or tuples.
        names: The columns of tuples; Arrow data has names of its own.
        texts: Those of them that have text there.

    Yields:
        The table, whose column `order_of` has the order of the rows; the names of the columns; how many rows there are.

    Raises:
        InterfaceError: Arrow data has columns that the table has not.
        DataError: A value that a column cannot hold exactly.
    """
    stays = db.lease() is not None
    async with db.transaction():
        yield await _stage(db, schema, rows, names, texts)
        if stays:
            # Else it goes with the transaction.
            await db.execute(_core.drop_staging(schema.another_name(STAGED)))


async def _stage(
    db: AsyncStatements,
    schema: TableSchema,
    rows: Any,  # noqa: ANN401  (any rows)
    names: Sequence[str] | None,
    texts: Collection[str],
) -> tuple[Source, tuple[str, ...], int]:
    if names is None:
        names = [column_name(schema, one) for one in arrow_names(rows)]
    # COPY looks at numbers. What it rounds can be told no more: a time keeps its digits until it is looked at.
    limited = {one: schema.by_name[one] for one in names if is_arrow(rows) and _is_time(schema.by_name[one])}
    types = [(one, "text") for one in texts] + [(one, column.type.bare) for one, column in limited.items()]
    for statement in _core.staging(schema.another_name(STAGED), schema.name, list(names), order_of(schema), types):
        await db.execute(statement)
    staged = Source("table", ("pg_temp", schema.another_name(STAGED)))
    staged.others = schema.others
    if not is_arrow(rows):
        report = await db.load(f"pg_temp.{schema.another_name(STAGED)}", rows, columns=targets_of(names))
        return staged, tuple(names), report.rows
    targets = {one: column_name(schema, one) for one in arrow_names(rows)}
    report = await db.load(f"pg_temp.{schema.another_name(STAGED)}", rows, columns=targets)
    for column in limited.values():
        await _refuse_inexact(db, schema, staged, column)
    return staged, tuple(names), report.rows


def _is_time(column: Column) -> bool:
    limit = limit_of(column.type.name)
    return limit is not None and not limit.is_number


async def _refuse_inexact(db: AsyncStatements, schema: TableSchema, staged: Source, column: Column) -> None:
    """Check that a column holds the points in time of a table between; COPY looks at numbers, and rounds these."""
    value: Node = ("column", staged, column.name)
    statement: Statement = {
        "kind": "select",
        "columns": (("call", "min", (("column", staged, order_of(schema)),), {}),),
        "from": staged,
        "where": (("binary", "<>", value, ("cast", value, column.type.name)),),
    }
    rows: list[tuple[int | None]] = await db.fetch_rows(statement, _tuples)
    first = rows[0][0]
    if first is not None:
        message = (
            f'{schema.table.__name__}, row {first - 1}, column "{column.attribute}": '
            f"expected {column.type.name}, got more digits of a second; round it first"
        )
        raise DataError(message)


def targets_of(names: Sequence[str]) -> dict[str, str]:
    """Give the columns of tuples, by which `load` calls them."""
    return {str(at): name for at, name in enumerate(names)}


def _tuples(_: tuple[str, ...]) -> Tuples:
    return TUPLES
