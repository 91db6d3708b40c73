# Made from async_staging.py by tools/generate_sync.py: change that, then `make generate`.
"""Tables between: rows go there by COPY, and from there by an INSERT, in one transaction."""

# What rows hold, and what is done with them, is of types that are known at run time alone.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from howdah import _core
from howdah.errors import DatabaseError, DataError
from howdah.expressions.sources import Source
from howdah.queries.nodes import TUPLES
from howdah.tables.exactness import limit_of
from howdah.tables.targets import arrow_names, column_name

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Sequence

    from howdah._core import Tuples
    from howdah.statements import Statements
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


class Staging:
    """A table that is there for a block, for rows on their way into another.

    Attributes:
        source: The table, whose column `order_of` has the order of the rows.
        names: The names of its other columns.
    """

    def __init__(self, db: Statements, schema: TableSchema, rows: Any, names: Sequence[str] | None) -> None:  # noqa: ANN401  (any rows)
        """Stand for a table that is not there yet; the arguments are those of `staging`."""
        self._db = db
        self._schema = schema
        self._rows = rows
        self._table = schema.another_name(STAGED)
        # COPY looks at numbers. What it rounds can be told no more: a time keeps its digits until it is looked at.
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

    def create(self, texts: Collection[str]) -> None:
        """Make the table; some of its columns are to have text."""
        types = [(one, "text") for one in texts] + [(one.name, one.type.bare) for one in self._limited]
        order = order_of(self._schema)
        for statement in _core.staging(self._table, self._schema.name, list(self.names), order, types):
            self._db.execute(statement)

    def drop(self) -> None:
        """Drop the table sooner than the transaction does."""
        self._db.execute(_core.drop_staging(self._table))

    def fill(self) -> int:
        """Load the rows into the table, and tell how many there are.

        Raises:
            DataError: A value that a column cannot hold exactly.
        """
        try:
            report = self._db.load(f"pg_temp.{self._table}", self._rows, columns=self._targets)
        except DatabaseError as error:
            self._name(error)
            raise
        for column in self._limited:
            _refuse_inexact(self._db, self._schema, self.source, column)
        return report.rows

    def _name(self, error: DatabaseError) -> None:
        """Have an error be one of the table that the rows are for: nobody else knows this one."""
        own = ".".join(self._schema.name)

        def named(text: str) -> str:
            return text.replace(f"pg_temp.{self._table}", own).replace(self._table, own)

        error.args = tuple(named(one) if isinstance(one, str) else one for one in error.args)
        for attribute in ("table", "detail", "hint"):
            said = getattr(error, attribute, None)
            if isinstance(said, str):
                setattr(error, attribute, named(said))


@contextlib.contextmanager
def staging(
    db: Statements,
    schema: TableSchema,
    rows: Any,  # noqa: ANN401  (any rows)
    names: Sequence[str] | None,
    texts: Collection[str] = (),
) -> Generator[Staging]:
    """Make a table that is there for a block, which is a transaction; `Staging.fill` loads the rows into it.

    Args:
        db: The database.
        schema: The table that they are for.
        rows: Arrow data, or tuples.
        names: The columns of tuples; Arrow data has names of its own.
        texts: Those of them that have text there.

    Yields:
        The table.

    Raises:
        InterfaceError: Arrow data has columns that the table has not.
    """
    stays = db.lease() is not None
    with db.transaction():
        made = Staging(db, schema, rows, names)
        made.create(texts)
        yield made
        if stays:
            # Else it goes with the transaction.
            made.drop()


def _is_time(column: Column) -> bool:
    limit = limit_of(column.type.name)
    return limit is not None and not limit.is_number


def _refuse_inexact(db: Statements, schema: TableSchema, staged: Source, column: Column) -> None:
    """Check that a column holds the points in time of a table between; COPY looks at numbers, and rounds these."""
    value: Node = ("column", staged, column.name)
    statement: Statement = {
        "kind": "select",
        "columns": (("call", "min", (("column", staged, order_of(schema)),), {}),),
        "from": staged,
        "where": (("binary", "<>", value, ("cast", value, column.type.name)),),
    }
    rows: list[tuple[int | None]] = db.fetch_rows(statement, _tuples)
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
