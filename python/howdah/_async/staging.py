"""Staging tables: COPY loads rows into them, and an INSERT moves the rows on, in one transaction."""

# The types of values in rows are known at run time only.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from howdah import _core
from howdah.errors import DatabaseError, DataError
from howdah.queries.ast import plain_tuples
from howdah.tables.column_mapping import arrow_names, column_name
from howdah.tables.scale_limits import limit_of
from howdah.tables.schema import Source

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Collection, Sequence

    from howdah._async.executor import AsyncExecutor
    from howdah.expressions.node import Node, Statement
    from howdah.tables.schema import Column, TableSchema


ORDER = "howdah_order"
# All staging tables have the same name, so that statements with it are prepared once.
STAGED = "howdah_staged"


def order_of(schema: TableSchema) -> str:
    """Return the name of the column with the order of the rows, which none of a table's columns has."""
    name = ORDER
    while name in schema.by_name:
        name += "_"
    return name


class Staging:
    """A temporary table that exists for a block, for rows that are inserted into another table.

    Attributes:
        source: The table, whose column `order_of` has the order of the rows.
        names: The names of its other columns.
    """

    def __init__(self, db: AsyncExecutor, schema: TableSchema, rows: Any, names: Sequence[str] | None) -> None:  # noqa: ANN401  (any rows)
        """Prepare a table, which `create` creates; the arguments are those of `staging`."""
        self._db = db
        self._schema = schema
        self._rows = rows
        self._table = schema.unused_name(STAGED)
        # COPY checks the scale of numbers, but rounds times: here their columns have no precision, and `fill` checks.
        self._limited: list[Column] = []
        if names is not None:
            self.names = tuple(names)
            self._targets = targets_of(names)
        else:
            self._targets = {one: column_name(schema, one) for one in arrow_names(rows)}
            self.names = tuple(self._targets.values())
            columns = [schema.by_name[one] for one in self.names]
            self._limited = [column for column in columns if _is_time(column)]
        self.source = Source("table", ("pg_temp", self._table))
        self.source.others = schema.others

    async def create(self, texts: Collection[str]) -> None:
        """Create the table, some of its columns with type text."""
        types = [(one, "text") for one in texts] + [(one.name, one.type.bare) for one in self._limited]
        order = order_of(self._schema)
        for statement in _core.staging(self._table, self._schema.name, list(self.names), order, types):
            await self._db.execute(statement)

    async def drop(self) -> None:
        """Drop the table before the end of the transaction."""
        await self._db.execute(_core.drop_staging(self._table))

    async def fill(self) -> int:
        """Load the rows into the table, and return their number.

        Raises:
            DataError: A value that a column cannot hold exactly.
        """
        try:
            report = await self._db.load(f"pg_temp.{self._table}", self._rows, columns=self._targets)
        except DatabaseError as error:
            self._name(error)
            raise
        for column in self._limited:
            await _refuse_inexact(self._db, self._schema, self.source, column)
        return report.rows

    def _name(self, error: DatabaseError) -> None:
        """Replace the staging table's name in an error by that of the target table, which the caller knows."""
        own = ".".join(self._schema.name)

        def named(text: str) -> str:
            return text.replace(f"pg_temp.{self._table}", own).replace(self._table, own)

        error.args = tuple(named(one) if isinstance(one, str) else one for one in error.args)
        for attribute in ("table", "detail", "hint"):
            said = getattr(error, attribute, None)
            if isinstance(said, str):
                setattr(error, attribute, named(said))


@contextlib.asynccontextmanager
async def staging(
    db: AsyncExecutor,
    schema: TableSchema,
    rows: Any,  # noqa: ANN401  (any rows)
    names: Sequence[str] | None,
    texts: Collection[str] = (),
) -> AsyncGenerator[Staging]:
    """Create a staging table for a block, which is a transaction; `Staging.fill` loads the rows into it.

    Args:
        db: The database.
        schema: The table that they are for.
        rows: Arrow data, or tuples.
        names: The columns of tuples; Arrow data has names of its own.
        texts: The columns that have type text in the staging table.

    Yields:
        The table.

    Raises:
        InterfaceError: Arrow data has columns that the table has not.
    """
    stays = db.lease() is not None
    async with db.transaction():
        made = Staging(db, schema, rows, names)
        await made.create(texts)
        yield made
        if stays:
            # Otherwise the end of the transaction drops it.
            await made.drop()


def _is_time(column: Column) -> bool:
    limit = limit_of(column.type.name)
    return limit is not None and not limit.is_number


async def _refuse_inexact(db: AsyncExecutor, schema: TableSchema, staged: Source, column: Column) -> None:
    """Check that a column can hold the times in a staging table exactly; COPY checks numbers, but rounds times."""
    value: Node = ("column", staged, column.name)
    statement: Statement = {
        "kind": "select",
        "columns": (("call", "min", (("column", staged, order_of(schema)),), {}),),
        "from": staged,
        "where": (("binary", "<>", value, ("cast", value, column.type.name)),),
    }
    rows: list[tuple[int | None]] = await db.fetch_rows(statement, plain_tuples)
    first = rows[0][0]
    if first is not None:
        message = (
            f'{schema.table.__name__}, row {first - 1}, column "{column.attribute}": '
            f"expected {column.type.name}, got more digits of a second; round it first"
        )
        raise DataError(message)


def targets_of(names: Sequence[str]) -> dict[str, str]:
    """Return the names of columns by their positions in tuples, as `load` takes them."""
    return {str(at): name for at, name in enumerate(names)}
