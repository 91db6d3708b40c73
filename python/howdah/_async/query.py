"""Queries and their results, for asyncio.

The file is long because type checkers need a signature for each number of selected columns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from howdah._async.eager_loading import load_collections
from howdah.errors import InterfaceError, NoRow
from howdah.queries import pagination
from howdah.queries.ast import tuple_plan
from howdah.queries.pagination import Page
from howdah.queries.query_compiler import CompilableQuery

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from howdah._async.executor import AsyncExecutor
    from howdah.expressions.expression import Expr
    from howdah.expressions.node import Assign, Selectable, Statement
    from howdah.reader import AsyncArrowReader

R = TypeVar("R")
U = TypeVar("U")
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
E = TypeVar("E")
F = TypeVar("F")
G = TypeVar("G")
H = TypeVar("H")
J = TypeVar("J")
K = TypeVar("K")


class AsyncQuery(CompilableQuery[R]):
    """A query for rows. Each call of a method that returns results sends it to the server.

    Example:
        >>> query = Elephant.find(Elephant.age > 25).order_by(Elephant.name).limit(10)
        >>> elephants = await query.to_list()
    """

    _db: AsyncExecutor | None = None
    _find_database: Callable[[], AsyncExecutor] | None = None

    def __init__(
        self,
        table: object,
        db: AsyncExecutor | None = None,
        *,
        find_database: Callable[[], AsyncExecutor] | None = None,
    ) -> None:
        """Take the table, and the database that runs the query or a function that returns it."""
        super().__init__(table)
        self._db = db
        self._find_database = find_database

    def database(self) -> AsyncExecutor:
        """Return the database that runs it.

        Raises:
            InterfaceError: It has none.
        """
        if self._db is not None:
            return self._db
        if self._find_database is None:
            message = "the query has no database; make it by db.find(...)"
            raise InterfaceError(message)
        return self._find_database()

    # Clauses that change the type of the rows
    @overload
    def select(self, a: Selectable[A], /) -> AsyncQuery[tuple[A]]: ...
    @overload
    def select(self, a: Selectable[A], b: Selectable[B], /) -> AsyncQuery[tuple[A, B]]: ...
    @overload
    def select(self, a: Selectable[A], b: Selectable[B], c: Selectable[C], /) -> AsyncQuery[tuple[A, B, C]]: ...
    @overload
    def select(
        self, a: Selectable[A], b: Selectable[B], c: Selectable[C], d: Selectable[D], /
    ) -> AsyncQuery[tuple[A, B, C, D]]: ...
    @overload
    def select(
        self, a: Selectable[A], b: Selectable[B], c: Selectable[C], d: Selectable[D], e: Selectable[E], /
    ) -> AsyncQuery[tuple[A, B, C, D, E]]: ...
    @overload
    def select(
        self,
        a: Selectable[A],
        b: Selectable[B],
        c: Selectable[C],
        d: Selectable[D],
        e: Selectable[E],
        f: Selectable[F],
        /,
    ) -> AsyncQuery[tuple[A, B, C, D, E, F]]: ...
    @overload
    def select(
        self,
        a: Selectable[A],
        b: Selectable[B],
        c: Selectable[C],
        d: Selectable[D],
        e: Selectable[E],
        f: Selectable[F],
        g: Selectable[G],
        /,
    ) -> AsyncQuery[tuple[A, B, C, D, E, F, G]]: ...
    @overload
    def select(
        self,
        a: Selectable[A],
        b: Selectable[B],
        c: Selectable[C],
        d: Selectable[D],
        e: Selectable[E],
        f: Selectable[F],
        g: Selectable[G],
        h: Selectable[H],
        /,
    ) -> AsyncQuery[tuple[A, B, C, D, E, F, G, H]]: ...
    @overload
    def select(
        self,
        a: Selectable[A],
        b: Selectable[B],
        c: Selectable[C],
        d: Selectable[D],
        e: Selectable[E],
        f: Selectable[F],
        g: Selectable[G],
        h: Selectable[H],
        j: Selectable[J],
        /,
    ) -> AsyncQuery[tuple[A, B, C, D, E, F, G, H, J]]: ...
    @overload
    def select(
        self,
        a: Selectable[A],
        b: Selectable[B],
        c: Selectable[C],
        d: Selectable[D],
        e: Selectable[E],
        f: Selectable[F],
        g: Selectable[G],
        h: Selectable[H],
        j: Selectable[J],
        k: Selectable[K],
        /,
    ) -> AsyncQuery[tuple[A, B, C, D, E, F, G, H, J, K]]: ...
    @overload
    def select(self, *exprs: Selectable[Any]) -> AsyncQuery[tuple[Any, ...]]: ...
    def select(self, *exprs: Any) -> AsyncQuery[Any]:
        """Select these expressions, as a tuple for each row; a reference is its key.

        Type checkers know the types of ten.
        """
        return self._selecting(exprs)

    def _selecting(self, exprs: tuple[Any, ...]) -> AsyncQuery[Any]:
        self._refuse_combined("select")
        made: Any = self._with(_columns=pagination.columns(exprs), _shape=None)
        return made  # type: ignore[no-any-return]

    def to(self, shape: type[U]) -> AsyncQuery[U]:
        """Return the rows as objects of a dataclass, named tuple, pydantic model or msgspec Struct.

        Without `select`, the columns are those that have a field.
        """
        made: Any = self._with(_shape=shape)
        return made  # type: ignore[no-any-return]

    @overload
    def returning(self) -> AsyncReturning[R]: ...
    @overload
    def returning(self, a: Selectable[A], /) -> AsyncReturning[tuple[A]]: ...
    @overload
    def returning(self, a: Selectable[A], b: Selectable[B], /) -> AsyncReturning[tuple[A, B]]: ...
    @overload
    def returning(self, a: Selectable[A], b: Selectable[B], c: Selectable[C], /) -> AsyncReturning[tuple[A, B, C]]: ...
    @overload
    def returning(
        self, a: Selectable[A], b: Selectable[B], c: Selectable[C], d: Selectable[D], /
    ) -> AsyncReturning[tuple[A, B, C, D]]: ...
    @overload
    def returning(
        self, a: Selectable[A], b: Selectable[B], c: Selectable[C], d: Selectable[D], e: Selectable[E], /
    ) -> AsyncReturning[tuple[A, B, C, D, E]]: ...
    @overload
    def returning(
        self,
        a: Selectable[A],
        b: Selectable[B],
        c: Selectable[C],
        d: Selectable[D],
        e: Selectable[E],
        f: Selectable[F],
        /,
    ) -> AsyncReturning[tuple[A, B, C, D, E, F]]: ...
    @overload
    def returning(
        self,
        a: Selectable[A],
        b: Selectable[B],
        c: Selectable[C],
        d: Selectable[D],
        e: Selectable[E],
        f: Selectable[F],
        g: Selectable[G],
        /,
    ) -> AsyncReturning[tuple[A, B, C, D, E, F, G]]: ...
    @overload
    def returning(
        self,
        a: Selectable[A],
        b: Selectable[B],
        c: Selectable[C],
        d: Selectable[D],
        e: Selectable[E],
        f: Selectable[F],
        g: Selectable[G],
        h: Selectable[H],
        /,
    ) -> AsyncReturning[tuple[A, B, C, D, E, F, G, H]]: ...
    @overload
    def returning(
        self,
        a: Selectable[A],
        b: Selectable[B],
        c: Selectable[C],
        d: Selectable[D],
        e: Selectable[E],
        f: Selectable[F],
        g: Selectable[G],
        h: Selectable[H],
        j: Selectable[J],
        /,
    ) -> AsyncReturning[tuple[A, B, C, D, E, F, G, H, J]]: ...
    @overload
    def returning(
        self,
        a: Selectable[A],
        b: Selectable[B],
        c: Selectable[C],
        d: Selectable[D],
        e: Selectable[E],
        f: Selectable[F],
        g: Selectable[G],
        h: Selectable[H],
        j: Selectable[J],
        k: Selectable[K],
        /,
    ) -> AsyncReturning[tuple[A, B, C, D, E, F, G, H, J, K]]: ...
    @overload
    def returning(self, first: Selectable[Any], /, *exprs: Selectable[Any]) -> AsyncReturning[tuple[Any, ...]]: ...
    def returning(self, *exprs: Any) -> AsyncReturning[Any]:
        """Let `update` and `delete` return the rows that they change, as tuples of these expressions or as objects."""
        return AsyncReturning(self, pagination.columns(exprs) if exprs else None)

    # Results
    async def to_list(self) -> list[R]:
        """Return all rows.

        Returns:
            Objects of the table, tuples after `select`, or objects of the class given to `to`.

        Raises:
            DatabaseError: An error of the server; its class depends on the SQLSTATE.
            ConversionError: A value that is not of its column's type.
        """
        plan = self.plan()
        db = self.database()
        rows: list[R] = await db.fetch_rows(plan.statement, plan.into)
        if plan.collections and rows:
            await load_collections(db, rows, plan.collections)
        return rows

    async def first(self) -> R | None:
        """Return the first row in the order of `order_by`, or None."""
        rows = await self.at_most(1).to_list()
        return rows[0] if rows else None

    async def one(self) -> R:
        """Return the only row.

        Raises:
            NoRow: There is no row, or more than one.
        """
        rows = await self.at_most(2).to_list()
        if len(rows) != 1:
            message = "expected one row; there are more" if rows else "expected one row; there is none"
            raise NoRow(message)
        return rows[0]

    async def count(self) -> int:
        """Count the rows, at the server."""
        rows = await self.database().fetch_rows(self.count_statement(), None)
        found: int = next(iter(rows[0].values()))
        return found

    async def exists(self) -> bool:
        """Return whether there is a row."""
        rows = await self.database().fetch_rows(self.exists_statement(), None)
        found: bool = next(iter(rows[0].values()))
        return found

    async def update(self, *assignments: Assign) -> int:
        """Update the rows, at the server.

        Args:
            *assignments: The new values, such as `User.score.set(User.score + 1)`. The server rounds computed values
                to the column's type.

        Returns:
            How many rows were updated.

        Raises:
            DataError: A value that is set by itself, and that the column cannot hold exactly.
        """
        return await self.database().execute_statement(self.update_statement(assignments))

    async def delete(self) -> int:
        """Delete the rows, at the server.

        Returns:
            How many rows were deleted.
        """
        return await self.database().execute_statement(self.delete_statement())

    async def page(self, size: int, *, after: str | None = None) -> Page[R]:
        """Return a page of the rows, by keyset: later pages are as fast as the first.

        The rows are ordered by `order_by`, and then by the primary keys of the table and of joined tables. An `offset`
        applies to the first page, a `limit` to all pages together.

        Args:
            size: How many rows a page has at most.
            after: The `next` of the page before; None for the first page.

        Returns:
            The rows (`items`), and the cursor of the next page (`next`), None on the last.

        Raises:
            InterfaceError: `after` is no page's `next`, or that of another query; no primary key makes the rows unique.
        """
        plan, end = pagination.plan(self, size, after)
        db = self.database()
        rows: list[Any] = await db.fetch_rows(plan.statement, plan.into)
        items, following = pagination.split_page(rows, end)
        if plan.collections and items:
            await load_collections(db, items, plan.collections)
        return Page(items, following)

    async def explain(self, *, analyze: bool = False) -> str:
        """Return the server's plan.

        Args:
            analyze: Whether the query is run, to show the time of each step.
        """
        statement = {**self.plan().statement, "explain": "analyze" if analyze else "plan"}
        rows = await self.database().fetch_rows(statement, None)
        return "\n".join(str(next(iter(row.values()))) for row in rows)

    async def stream(self, *, batch_rows: int = 1000) -> AsyncGenerator[R]:
        """Return the rows one by one, in constant memory; see `AsyncDatabase.stream`.

        Collections are loaded for each batch, over the stream's own connection.

        Args:
            batch_rows: How many rows are taken from the server at a time.

        Yields:
            The rows.
        """
        plan = self.plan()
        db = self.database()
        pinned = await db._pin() if plan.collections else None  # noqa: SLF001  (for queries alone)
        runner = pinned or db
        is_read = False
        try:
            cursor = await runner.open_cursor(plan.statement, plan.into, batch_rows)
            try:
                while rows := await cursor.rows():
                    if plan.collections:
                        await load_collections(runner, rows, plan.collections)
                    for row in rows:
                        yield row
                is_read = True
            finally:
                cursor.close()
        finally:
            if pinned is not None:
                await pinned.end(commit=is_read)

    # Frames
    def read(self, *, batch_rows: int = 65_536) -> AsyncArrowReader:
        """Read the rows as Arrow; see `AsyncDatabase.read`."""
        return self.database().read(self, batch_rows=batch_rows)

    async def batches(self, *, batch_rows: int = 65_536) -> AsyncGenerator[Any]:
        """Return the rows as record batches, as they stream in.

        Args:
            batch_rows: The most rows a batch has.

        Yields:
            The batches (arro3).
        """
        async for batch in self.read(batch_rows=batch_rows):
            yield batch

    async def to_arrow(self) -> Any:  # noqa: ANN401  (pyarrow may not be there)
        """Return the rows as a `pyarrow.Table`."""
        return await self.read().to_arrow()

    async def to_polars(self) -> Any:  # noqa: ANN401  (polars may not be there)
        """Return the rows as a `polars.DataFrame`."""
        return await self.read().to_polars()

    async def to_pandas(self) -> Any:  # noqa: ANN401  (pandas may not be there)
        """Return the rows as a `pandas.DataFrame`."""
        return await self.read().to_pandas()


class AsyncReturning(Generic[R]):
    """An update or delete that returns the rows that it changes."""

    def __init__(self, query: AsyncQuery[Any], columns: tuple[Expr[Any], ...] | None) -> None:
        """Take the query, and the expressions to return; None for objects."""
        self._query = query
        self._columns = columns

    async def update(self, *assignments: Assign) -> list[R]:
        """Update the rows, and return them with their new values."""
        return await self._run(self._query.update_statement(assignments))

    async def delete(self) -> list[R]:
        """Delete the rows, and return them."""
        return await self._run(self._query.delete_statement())

    async def _run(self, statement: Statement) -> list[R]:
        def returning(columns: tuple[Any, ...]) -> Statement:
            return {**statement, "returning": columns}

        columns = self._columns
        plan = self._query.rows_plan(returning) if columns is None else tuple_plan(columns, returning)
        rows: list[R] = await self._query.database().fetch_rows(plan.statement, plan.into)
        return rows
